"""Duplicates through the whole pipeline: what is found, what is kept, and what it takes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from datamix.dedup.jaccard import jaccard_of_sets, shingle_sets
from tests.pipeline.runs import ask, run_local, store_bytes

SHARED_PROJECT = """\
version: 1
sources:
  - {{name: revisions, path: {folder}/git_revisions.parquet, id: id}}
  - {{name: paraphrases, path: {folder}/onestop_paraphrase_levels.parquet, id: id}}
dedup: {{keeper_among: all}}
"""

PROJECT = """\
version: 1
sources: [{name: pages, path: "*.jsonl", id: id}]
dedup: {prefer: [words desc]}
filters: []
"""


@pytest.fixture(scope="module")
def shared_run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame, pl.DataFrame]:
    """A run over revisions and paraphrases: its folder, documents with their texts, near edges with true Jaccard."""
    folder = shared_data / "neardup"
    root = tmp_path_factory.mktemp("shared")
    (root / "datamix.yaml").write_text(SHARED_PROJECT.format(folder=folder.resolve()))
    run_local(root)
    texts = pl.concat(
        [
            pl.read_parquet(folder / name, columns=["id", "text"])
            for name in ("git_revisions.parquet", "onestop_paraphrase_levels.parquet")
        ]
    )
    documents = pl.DataFrame(ask(root, "SELECT doc_id, id, source, text_hash, cluster_id, is_keeper FROM documents"))
    documents = documents.join(texts, on="id", validate="1:1").with_row_index("row")
    sets = shingle_sets(documents["text"].to_arrow().cast(pa.large_string()), 5)
    edges = pl.DataFrame(ask(root, "SELECT doc_id_a, doc_id_b, jaccard FROM edges WHERE kind = 'near'"))
    for side in ("a", "b"):
        found = documents.select("doc_id", "source", "text_hash", pl.col("row").cast(pl.Int64)).rename(
            {name: f"{name}_{side}" for name in ("source", "text_hash", "row", "doc_id")}
        )
        edges = edges.join(found, on=f"doc_id_{side}")
    true = jaccard_of_sets(sets, edges["row_a"].to_numpy(), edges["row_b"].to_numpy())
    return root, documents, edges.with_columns(pl.Series("true", true))


@pytest.mark.parametrize(("low", "high", "recall"), [(0.8, 0.9, 0.95), (0.9, 1.01, 0.99)])
def test_recall_of_edges(
    shared_data: Path, shared_run: tuple[Path, pl.DataFrame, pl.DataFrame], low: float, high: float, recall: float
) -> None:
    _, documents, edges = shared_run
    text = dict(documents.filter(source="revisions").select("id", "text_hash").iter_rows())
    joined = {frozenset(pair) for pair in edges.select("text_hash_a", "text_hash_b").iter_rows()}
    pairs = pl.read_parquet(shared_data / "neardup" / "git_revisions_pairs.parquet")
    wanted = pairs.filter(pl.col("jaccard_w5").is_between(low, high, closed="left")).select("id_a", "id_b").rows()
    found = [text[a] == text[b] or frozenset((text[a], text[b])) in joined for a, b in wanted]
    assert len(found) > 200
    assert np.mean(found) >= recall


def test_edges_join_what_is_similar(shared_run: tuple[Path, pl.DataFrame, pl.DataFrame]) -> None:
    _, _, edges = shared_run
    assert edges["true"].min() > 0.75
    assert (edges["true"] >= 0.8).mean() > 0.995
    paraphrases = edges.filter((pl.col("source_a") == "paraphrases") | (pl.col("source_b") == "paraphrases"))
    assert (paraphrases["true"] >= 0.8).all()


def test_a_cluster_is_its_keeper_and_what_has_an_edge_to_it(
    shared_run: tuple[Path, pl.DataFrame, pl.DataFrame],
) -> None:
    _, documents, edges = shared_run
    joined = {frozenset(pair) for pair in edges.select("text_hash_a", "text_hash_b").iter_rows()}
    text = dict(documents.select("doc_id", "text_hash").iter_rows())
    members = documents.filter(~pl.col("is_keeper")).select("text_hash", "cluster_id").rows()
    assert len(members) > 500
    for own, keeper in members:
        assert own == text[keeper] or frozenset((own, text[keeper])) in joined
    keepers = set(documents.filter("is_keeper")["text_hash"])
    assert not any(pair <= keepers for pair in joined)


def write_pages(root: Path, count: int, files: int) -> None:
    """Write one page `count` times, with some other words below it."""
    words = " ".join(topics[name] for name in sorted(topics)).split()
    chance = random.Random(3)  # noqa: S311 - a fixed seed
    pages: list[dict[str, Any]] = []
    for i in range(count):
        start = chance.randrange(1_000, len(words) - 20)
        page = [*words[:200], *words[start : start + chance.randrange(16)], f"n{i}"]
        pages.append({"id": f"page-{i}", "text": " ".join(page)})
    for i in range(files):
        lines = [json.dumps(page) + "\n" for page in pages[i::files]]
        (root / f"pages-{i}.jsonl").write_text("".join(lines))


def write_project(root: Path, text: str = PROJECT) -> Path:
    root.mkdir(exist_ok=True)
    (root / "datamix.yaml").write_text(text)
    return root


def test_of_a_template_few_are_kept_however_its_pages_lie_in_files(tmp_path: Path) -> None:
    one, many = write_project(tmp_path / "one"), write_project(tmp_path / "many")
    write_pages(one, 600, 1)
    write_pages(many, 600, 7)
    summary = run_local(one)
    assert summary.counts.kept <= 6
    (stage,) = (stage for stage in summary.stages if stage.stage == "duplicates")
    assert stage.detail is not None
    read = int(stage.detail.split("; ")[1].split(" ")[0])
    assert 0 < read <= 600
    assert stage.items < 600 * 30
    run_local(many, max_shard_bytes=30_000)
    same = "SELECT id, doc_id, cluster_id, kept FROM documents ORDER BY id"
    assert ask(one, same) == ask(many, same)
    first, second = (
        {path: digest for path, digest in store_bytes(root).items() if path.endswith("signatures.parquet")}
        for root in (one, many)
    )
    assert list(first.values()) == list(second.values())
    assert len(first) == 1


def test_signatures_beside_the_edges_are_made_again_where_damaged(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project")
    write_pages(root, 100, 1)
    run_local(root)
    before = store_bytes(root)
    (path,) = (path for path in before if path.endswith("signatures.parquet"))
    (root / "store" / path).write_bytes((root / "store" / path).read_bytes()[:-1])
    stages = [stage.stage for stage in run_local(root).stages]
    assert "duplicates" in stages
    assert store_bytes(root) == before
    file = root / "datamix.yaml"
    file.write_text(PROJECT.replace("words desc", "words asc"))
    assert "duplicates" not in [stage.stage for stage in run_local(root).stages]
