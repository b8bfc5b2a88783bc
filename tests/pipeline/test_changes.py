"""However a store came about, it shows what a fresh run of the same inputs shows; and what is emitted was planned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from datamix.errors import InputError
from datamix.pipeline.emit import EmitOptions, emit_plan
from datamix.pipeline.mix import plan_mixture
from datamix.spec.project import read_project
from tests.pipeline.runs import Silent, ask, run_local

Make = Callable[..., Path]

SAME = (
    "FROM documents ORDER BY doc_id",
    "FROM edges ORDER BY ALL",
    "FROM decisions ORDER BY ALL",
    "FROM clusters ORDER BY cluster_id",
    "FROM sources ORDER BY source",
    "FROM quarantine ORDER BY ALL",
    "SELECT * EXCLUDE (run_id) FROM shards WHERE present ORDER BY source, shard",
)


def shows_what_a_fresh_run_shows(root: Path) -> None:
    shown = [ask(root, sql) for sql in SAME]
    store, aside = root / "store", root / "aside"
    store.rename(aside)
    run_local(root)
    fresh = [ask(root, sql) for sql in SAME]
    shutil.rmtree(store)
    aside.rename(store)
    assert shown == fresh


def test_incremental_runs_end_where_a_fresh_run_does(make_project: Make) -> None:
    root = make_project(change=lambda text: text.replace("data/help.jsonl", "'data/help*.jsonl'"))
    file, data = root / "datamix.yaml", root / "data"
    original = file.read_text()
    run_local(root, sample=Fraction(1, 4))
    run_local(root)
    shows_what_a_fresh_run_shows(root)

    more = {"name": "more", "text": "One more page about lists and tuples and what they hold. " * 20}
    (data / "help-more.jsonl").write_text(json.dumps(more) + "\n{broken\n")
    run_local(root)
    shows_what_a_fresh_run_shows(root)

    (data / "help-more.jsonl").write_text(json.dumps(more) + "\n")  # the broken line is mended
    lines = (data / "help.jsonl").read_text().splitlines(keepends=True)
    (data / "help.jsonl").write_text("".join(lines[:40] + lines[60:]))
    (data / "tables.parquet").unlink()
    file.write_text(original.replace("  - {name: tables", "  # - {name: tables").replace("words desc", "words asc"))
    run_local(root)
    shows_what_a_fresh_run_shows(root)

    (data / "help-more.jsonl").unlink()
    run_local(root, sample=Fraction(1, 2))
    run_local(root)
    shows_what_a_fresh_run_shows(root)


MIXTURE = (
    "version: 1\nname: colours\ntokens: 2000\nsequence_length: 100\ncomponents: {all: {where: kept}}\n"
    "phases: [{name: only, weights: {all: 1}}]\n"
)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    (tmp_path / "datamix.yaml").write_text(
        "version: 1\nsources: [{name: a, path: a.jsonl, id: id}]\nfilters: []\ndedup: {exact: false, near: false}\n"
    )
    (tmp_path / "mixture.yaml").write_text(MIXTURE)
    return tmp_path


def paint(root: Path, colour: str) -> None:
    """Write the source anew: the same ids and lengths, other words."""
    texts = [f"{colour:<6} page {i:02} " * 8 for i in range(20)]
    (root / "a.jsonl").write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)))


def plan_and_emit(root: Path, out: str, plan: str | None = None) -> tuple[str, set[str]]:
    """Return the plan and the colours that were written."""
    file = read_project(root)
    name = plan or plan_mixture(file, root / "mixture.yaml").plan
    emit_plan(file, name, EmitOptions("jsonl", root / out, "local", 1), Silent())
    texts = pl.concat([pl.read_ndjson(part) for part in sorted((root / out).glob("*.jsonl.zst"))])["text"]
    return name, {text.split()[0] for text in texts}


def test_a_changed_input_makes_another_plan_and_never_enters_an_old_one(colours: Path) -> None:
    paint(colours, "red")
    run_local(colours)
    red, written = plan_and_emit(colours, "red")
    assert written == {"red"}
    paint(colours, "blue")
    run_local(colours)
    blue, written = plan_and_emit(colours, "blue")
    assert written == {"blue"}
    assert blue != red
    # The old plan's texts are still in its token cache: it is emitted as it was planned.
    assert plan_and_emit(colours, "red-again", red)[1] == {"red"}
    shutil.rmtree(colours / "store" / "tokens")
    with pytest.raises(InputError, match="not as it was when the plan was made"):
        plan_and_emit(colours, "red-at-last", red)
    assert not list((colours / "red-at-last").glob("*.jsonl.zst"))


def test_the_same_documents_in_a_file_that_was_touched_keep_their_plan(colours: Path) -> None:
    paint(colours, "red")
    run_local(colours)
    first, _ = plan_and_emit(colours, "one")
    (colours / "a.jsonl").rename(colours / "b.jsonl")
    file = colours / "datamix.yaml"
    file.write_text(file.read_text().replace("a.jsonl", "b.jsonl"))
    run_local(colours)
    shutil.rmtree(colours / "store" / "tokens")
    again, written = plan_and_emit(colours, "two")
    assert (again, written) == (first, {"red"})
    assert (colours / "one" / "text-00000.jsonl.zst").read_bytes() == (
        colours / "two" / "text-00000.jsonl.zst"
    ).read_bytes()
