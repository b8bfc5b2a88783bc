"""A run from raw files to the catalog: counts, duplicates, decisions, increments, samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from pydoc_data.topics import topics

import duckdb
import pyarrow.parquet as pq
import pytest

from datamix.errors import SpecError, StoreError
from datamix.pipeline.preview import preview
from datamix.pipeline.run import RunOptions
from datamix.spec.project import read_project
from datamix.storage.store import Store
from tests.pipeline.runs import ask, run_local, store_bytes

Make = Callable[..., Path]


def test_counts_balance_and_nothing_is_lost(make_project: Make) -> None:
    root = make_project()
    summary = run_local(root).to_json()
    written = len(topics) + 27 + 15
    assert summary["quarantined"] == 3
    assert summary["documents"] == written + 3
    assert summary["documents"] == summary["kept"] + sum(summary["dropped"].values()) + summary["quarantined"]
    assert summary["duplicates"]["exact"] == summary["dropped"]["dedup.exact"] > 0
    assert summary["duplicates"]["near"] == summary["dropped"]["dedup.near"] > 0
    (row,) = ask(
        root, "SELECT count(*) AS n, sum(bytes)::BIGINT AS bytes, count(DISTINCT doc_id) AS ids FROM documents"
    )
    assert (row["n"], row["ids"]) == (written, written)
    assert row["bytes"] == summary["bytes"] == summary["tokens"]
    quarantine = ask(root, "SELECT file, line, reason FROM quarantine ORDER BY line")
    assert [(entry["line"], entry["reason"]) for entry in quarantine] == [
        (4, "not_json"),
        (10, "text_missing"),
        (21, "text_empty"),
    ]


def test_copies_lose_to_the_preferred_original_and_name_it(make_project: Make) -> None:
    root = make_project(
        change=lambda text: text.replace("filters: [{gopher-datatrove: {min_alpha_words: 0.5}}, fineweb]", "").replace(
            ", exempt: [fineweb]", ""
        )
    )
    run_local(root)
    copies = ask(
        root,
        "SELECT d.id, d.reasons, d.is_keeper, k.id AS keeper, k.kept FROM documents d JOIN documents k "
        "ON k.doc_id = d.cluster_id WHERE d.source = 'mirror'",
    )
    assert len(copies) == 27
    for copy in copies:
        _, _, name = copy["id"].partition("/")
        assert copy["keeper"] == name
        assert copy["kept"]
        assert not copy["is_keeper"]
    reasons = {copy["id"]: copy["reasons"] for copy in copies}
    assert all(reasons[i] == ["dedup.exact"] for i in reasons if i.startswith("exact/"))
    assert all(
        reasons[i] == ["dedup.near"] for i in reasons if i.startswith("near/") and f"double/{i[5:]}" not in reasons
    )
    # Of two equal near copies one is near to the keeper, and the other the exact copy of the first.
    doubles = [name for name in reasons if name.startswith("double/")]
    for name in doubles:
        pair = sorted(reasons[name] + reasons[f"near/{name.removeprefix('double/')}"])
        assert pair == ["dedup.exact", "dedup.near"]


def test_every_drop_has_its_comparison_with_value_and_threshold(make_project: Make) -> None:
    root = make_project()
    run_local(root)
    missing = ask(
        root,
        "SELECT d.doc_id, reason FROM documents d, unnest(d.reasons) AS r(reason) "
        "WHERE NOT starts_with(reason, 'dedup.') "
        "AND NOT EXISTS (SELECT 1 FROM decisions x WHERE x.doc_id = d.doc_id AND x.pack || '.' || x.rule = reason)",
    )
    assert missing == []
    rows = ask(root, "SELECT * FROM decisions WHERE rule = 'short'")
    assert rows
    assert all(row["term"] == "gopher_words" and row["value"] < row["threshold"] == 50 for row in rows)
    assert (
        ask(
            root,
            "SELECT 1 FROM decisions x JOIN documents d USING (doc_id) WHERE pack = 'fineweb' AND source = 'mirror'",
        )
        == []
    )


def test_a_second_run_measures_nothing_and_writes_the_same(make_project: Make) -> None:
    root = make_project()
    first = run_local(root)
    before = store_bytes(root)
    second = run_local(root)
    assert (first.shards_measured, second.shards_measured) == (3, 0)
    assert store_bytes(root) == before
    assert {**first.to_json(), "run_id": "", "seconds": 0, "shards_measured": 0} == {
        **second.to_json(),
        "run_id": "",
        "seconds": 0,
    }


def test_a_new_threshold_reads_no_text_and_kept_sets_nest(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_project()
    file = root / "datamix.yaml"
    original = file.read_text()
    kept: list[set[str]] = []
    for minimum in (50, 200, 800):
        if kept:  # no engine may start: what is left to do needs no text, and no signature
            monkeypatch.setattr("datamix.pipeline.run.start_engine", None)
        file.write_text(original.replace("min_alpha_words: 0.5", f"min_alpha_words: 0.5, min_words: {minimum}"))
        summary = run_local(root)
        assert summary.shards_measured == (3 if minimum == 50 else 0)
        assert all(stage.stage in ("inventory", "decide") for stage in summary.stages) or minimum == 50
        kept.append({row["text_hash"] for row in ask(root, "SELECT text_hash FROM documents WHERE kept")})
    assert kept[0] > kept[1] > kept[2]


def test_a_new_file_is_measured_alone_and_a_vanished_one_is_left_out(make_project: Make) -> None:
    root = make_project(change=lambda text: text.replace("data/help.jsonl", "'data/help*.jsonl'"))
    assert run_local(root).shards_measured == 3
    more = root / "data" / "help-more.jsonl"
    more.write_text(json.dumps({"name": "new", "text": "A new page about nothing in particular. " * 30}) + "\n")
    grown = run_local(root)
    assert grown.shards_measured == 1
    assert ask(root, "SELECT count(*) AS n FROM documents WHERE id = 'new'") == [{"n": 1}]
    more.unlink()
    shrunk = run_local(root)
    assert shrunk.shards_measured == 0
    assert shrunk.counts.documents == grown.counts.documents - 1
    assert ask(root, "SELECT present FROM shards WHERE file LIKE '%help-more%'") == [{"present": False}]


def test_changed_input_is_measured_anew(make_project: Make) -> None:
    root = make_project()
    run_local(root)
    path = root / "data" / "help.jsonl"
    path.write_text(path.read_text().replace("https://docs.example.org", "https://docs.example.com"))
    assert run_local(root).shards_measured == 1
    assert ask(root, "SELECT DISTINCT host FROM documents WHERE source = 'help'") == [{"host": "docs.example.com"}]


def test_a_sample_is_a_part_of_the_whole_and_is_reused(make_project: Make) -> None:
    root, straight = make_project(), make_project("straight")
    for path in (root / "data").iterdir():  # the same files with the same times
        shutil.copy2(path, straight / "data" / path.name)
    small = run_local(root, sample=Fraction(1, 5))
    assert 0 < small.counts.documents < 0.5 * len(topics)
    sampled = {row["doc_id"] for row in ask(root, "SELECT doc_id FROM documents")}
    with pytest.raises(StoreError, match="sample"):
        _plan(root)
    whole = run_local(root)
    run_local(straight)
    assert whole.shards_measured == 3
    assert sampled < {row["doc_id"] for row in ask(root, "SELECT doc_id FROM documents")}
    everything = "SELECT * EXCLUDE (shard, row) FROM documents ORDER BY doc_id"
    assert ask(root, everything) == ask(straight, everything)


def test_a_sample_is_not_measured_twice(make_project: Make) -> None:
    root = make_project()
    run_local(root, sample=Fraction(1, 2))
    half = {part: pq.read_table(root / "store" / part) for part in _parts(root, "heuristics")}
    run_local(root)
    whole = [part for part in _parts(root, "heuristics") if part not in half]
    assert len(whole) == len(half) == 3
    rows = sum(pq.read_table(root / "store" / part).num_rows for part in whole)
    assert 0 < sum(table.num_rows for table in half.values()) < rows


def _parts(root: Path, family: str) -> list[str]:
    return [row["path"] for row in ask(root, f"SELECT path FROM parts WHERE family = '{family}' ORDER BY path")]


def _plan(root: Path) -> None:
    from datamix.pipeline.mix import plan_mixture

    spec = root / "mixture.yaml"
    spec.write_text(
        "version: 1\nname: tiny\ntokens: 20K\nsequence_length: 128\ncomponents: {all: {where: kept}}\n"
        "phases: [{name: only, weights: {all: 1}}]\n"
    )
    plan_mixture(read_project(root), spec)


def test_dry_run_says_what_a_run_then_does(make_project: Make) -> None:
    root = make_project()
    options = RunOptions(engine="local", workers=1)
    report = preview(read_project(root), options)
    assert report["shards_to_measure"] == 3
    assert report["bytes_to_read"] == sum(path.stat().st_size for path in (root / "data").iterdir())
    assert not (root / "store").exists()
    run_local(root)
    assert preview(read_project(root), options)["shards_to_measure"] == 0


def test_a_reader_of_another_process_keeps_its_version_while_a_run_publishes(make_project: Make) -> None:
    root = make_project()
    run_local(root)
    with duckdb.connect(str(root / "store" / "catalog.duckdb"), read_only=True) as reader:
        before = reader.sql("SELECT count(*) FROM runs").fetchall()
        run_local(root)
        assert reader.sql("SELECT count(*) FROM runs").fetchall() == before
    assert ask(root, "SELECT count(*) AS n FROM runs") == [{"n": 2}]


def test_a_second_writer_is_told_who_holds_the_store(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_project()
    run_local(root)
    monkeypatch.setattr("datamix.storage.store.LOCK_TIMEOUT_S", 0.2)
    with Store.open(root / "store").lock(), pytest.raises(StoreError, match=r"process [0-9]+ is writing the store"):
        run_local(root)


def test_errors_name_file_and_line_before_anything_is_read(make_project: Make) -> None:
    cases = {
        "data/help.jsonl": ("data/hlep.jsonl", r"datamix.yaml:4: .*matches no file.*'help.jsonl'"),
        "columns: [url]": ("columns: [words]", r"datamix.yaml:4: .*'words'"),
        "priority desc, words": ("priority desc, wrods", r"datamix.yaml:10: .*prefer names 'wrods'.*'words'"),
        "{gopher-datatrove: {min": ("{gopher-datatrov: {min", r"datamix.yaml:11: .*'gopher-datatrove'"),
        "{tokenizer: bytes}": ("{tokenizer: missing.json}", r"datamix.yaml:7: no tokenizer"),
    }
    for i, (old, (new, message)) in enumerate(cases.items()):
        root = make_project(f"case-{i}", lambda text, old=old, new=new: text.replace(old, new))
        with pytest.raises(SpecError, match=message):
            run_local(root)
