from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.export.emit import emit
from datamix.signals.tokenizers import BytesTokenizer, HuggingFaceTokenizer, Tokenizer
from tests.export.small_plan import World, make_world, serially


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emitted")
    emit(world.emission(folder), world.plan, serially)
    return folder


def test_sequences_are_in_plan_order(world: World, folder: Path) -> None:
    rows = pl.read_parquet(folder / "tokens-*.parquet")
    assert rows["sequence"].to_list() == list(range(world.plan.sequences))
    assert rows["component"].to_list() == [world.plan.components[c] for c in world.plan.drawn]
    for phase, start, end in world.phases:
        assert rows["phase"][start:end].unique().to_list() == [phase]
    assert rows["tokens"].list.len().unique().to_list() == [world.plan.sequence_length]


def test_a_components_sequences_are_its_token_line(world: World, folder: Path) -> None:
    rows = pl.read_parquet(folder / "tokens-*.parquet")
    for component, line in world.lines.items():
        chosen = rows.filter(pl.col("component") == component)
        assert chosen["tokens"].explode().to_list() == line


def test_documents_say_where_every_token_comes_from(world: World, folder: Path) -> None:
    ids = {d: world.tokenizer.encode(pa.array([t], pa.large_string()))[0].tolist() for d, t in world.texts.items()}
    epochs = {(u["doc_id"], u["first_sequence"]): u for u in world.uses}
    begun = 0
    for row in pq.read_table(sorted(folder.glob("tokens-*"))).to_pylist():
        assert sum(document["tokens"] for document in row["documents"]) == world.plan.sequence_length
        tokens = []
        for document in row["documents"]:
            assert document["tokens"] > 0
            tokens += ids[document["doc_id"]][document["offset"] :][: document["tokens"]]
            if document["offset"] == 0:
                assert (document["doc_id"], row["sequence"]) in epochs
                begun += 1
        assert tokens == row["tokens"]
    assert begun == sum(use["doc_offset"] == 0 for use in world.uses)


def test_duckdb_and_arrow_read_the_same(folder: Path) -> None:
    query = f"FROM '{folder}/tokens-*.parquet' ORDER BY sequence"
    arrow = pq.read_table(sorted(folder.glob("tokens-*")))
    assert duckdb.sql(query).pl().drop("documents").equals(pl.DataFrame(pl.from_arrow(arrow)).drop("documents"))
    segments = "list_transform(documents, lambda d: lower(hex(d.doc_id)) || ' ' || d.tokens)"
    assert [row[0] for row in duckdb.sql(f"SELECT {segments} {query}").fetchall()] == [
        [f"{document['doc_id'].hex()} {document['tokens']}" for document in row]
        for row in arrow["documents"].to_pylist()
    ]


@pytest.mark.parametrize("tokenizer", ["bytes", "gpt-neox"])
def test_real_text(shared_data: Path, tmp_path: Path, tokenizer: str) -> None:
    chosen: Tokenizer = (
        BytesTokenizer()
        if tokenizer == "bytes"
        else HuggingFaceTokenizer(shared_data / "tokenizers/gptneox_regmix.json")
    )
    sources = {
        name: pl.read_parquet(shared_data / f"corpus/{name}.parquet", columns=["text"], n_rows=20)["text"].to_list()
        for name in ("code", "math", "forum_20newsgroups")
    }
    phases = {"base": {"code": 20, "math": 11}, "last": {"math": 30, "forum_20newsgroups": 9}}
    world = make_world(tmp_path / "store", chosen, sources, phases, sequence_length=256)
    manifest = emit(world.emission(tmp_path / "out", shard_bytes=8_000), world.plan, serially)
    rows = pl.read_parquet(tmp_path / "out/tokens-*.parquet")
    assert rows["tokens"].dtype.inner == {"bytes": pl.UInt8, "gpt-neox": pl.UInt16}[tokenizer]
    assert len(manifest.shards) == {"bytes": 3, "gpt-neox": 5}[tokenizer]
    for component, line in world.lines.items():
        assert rows.filter(pl.col("component") == component)["tokens"].explode().to_list() == line
        assert len(line) == 256 * manifest.components[component].sequences
