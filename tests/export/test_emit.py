from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from datamix.errors import SpecError, StoreError
from datamix.export.emit import emit
from datamix.export.manifest import read_manifest
from datamix.storage.files import file_hash
from tests.export.conftest import PHASES
from tests.export.small_plan import World, serially

FORMATS = ["parquet", "jsonl"]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(params=FORMATS)
def emitted(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> tuple[str, Path]:
    emit(world.emission(tmp_path / "out", request.param), world.plan, serially)
    return request.param, tmp_path / "out"


def test_counts_by_phase_are_those_of_the_plan(world: World, emitted: tuple[str, Path]) -> None:
    manifest = read_manifest(emitted[1])
    assert len(manifest.shards) > 3
    for phase in manifest.phases:
        for component, count in phase.components.items():
            begins = [
                u for u in world.uses if (u["phase"], u["component"], u["doc_offset"]) == (phase.name, component, 0)
            ]
            assert count.sequences == PHASES[phase.name].get(component, 0)
            assert count.tokens == count.sequences * world.plan.sequence_length
            assert count.documents == len(begins)
    assert [(p.name, p.start, p.end) for p in manifest.phases] == world.phases
    assert manifest.components["code"].sequences == 21
    assert max(use["epoch"] for use in world.uses if use["component"] == "code") > 1, "the fixture repeats documents"


def test_the_manifest_describes_the_files(world: World, emitted: tuple[str, Path]) -> None:
    format_, folder = emitted
    manifest = json.loads((folder / "manifest.json").read_bytes())
    entries = [*manifest["shards"], manifest["documents"]]
    assert {entry["file"] for entry in entries} | {"manifest.json"} == {path.name for path in folder.iterdir()}
    for entry in entries:
        assert (folder / entry["file"]).stat().st_size == entry["bytes"]
        assert file_hash(folder / entry["file"]) == entry["xxh3"]
    ends = [(shard["first_sequence"], shard["last_sequence"] + 1) for shard in manifest["shards"]]
    assert [start for start, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == manifest["sequences"] == world.plan.sequences
    assert (manifest["format"], manifest["plan"]) == (format_, "cafe")
    assert manifest["tokenizer_hash"] == world.tokenizer.hash


def test_documents_are_the_plans_uses_with_all_their_columns(world: World, tmp_path: Path) -> None:
    world.write_uses(text_hash=[use["doc_id"][::-1] for use in world.uses])
    emit(world.emission(tmp_path / "out"), world.plan, serially)
    world.write_uses()
    rows = pq.read_table(tmp_path / "out/documents.parquet").to_pylist()
    assert [row.pop("text_hash") for row in rows] == [use["doc_id"][::-1] for use in world.uses]
    assert rows == world.uses


def test_shards_deleted_cut_or_changed_are_written_again_with_the_same_bytes(
    world: World, emitted: tuple[str, Path]
) -> None:
    format_, folder = emitted
    before = content(folder)
    first, second, third, fourth = sorted(name for name in before if name.startswith(("tokens", "text")))[:4]
    (folder / first).unlink()
    (folder / second).write_bytes(before[second][:-1])
    (folder / third).write_bytes(before[third][:-1] + b"?")
    (folder / "documents.parquet").unlink()
    untouched = (folder / fourth).stat().st_mtime_ns
    emit(world.emission(folder, format_), world.plan, serially)
    assert content(folder) == before
    assert (folder / fourth).stat().st_mtime_ns == untouched


def test_a_second_call_writes_no_shard(world: World, emitted: tuple[str, Path]) -> None:
    format_, folder = emitted
    before = content(folder)

    def refuse(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        assert task.__name__ == "_is_intact"
        return serially(task, items)

    emit(world.emission(folder, format_), world.plan, refuse)
    assert content(folder) == before


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("tasks", [0, 1, 3, 1000])
def test_a_killed_emission_goes_on(world: World, tmp_path: Path, format_: str, tasks: int) -> None:
    emit(world.emission(tmp_path / "whole", format_), world.plan, serially)
    folder = tmp_path / "killed"

    class Killed(BaseException):
        pass

    def dies(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for done, result in enumerate(serially(task, items)):
            if task.__name__ == "write_shard" and done == tasks:
                raise Killed
            yield result

    if tasks < 1000:
        with pytest.raises(Killed):
            emit(world.emission(folder, format_), world.plan, dies)
        with (folder / "progress.jsonl").open("ab") as log:
            log.write(b'{"file":"tokens-00')  # a line that the kill cut short
        (folder / ".tokens-00001.parquet.0123456789ab.tmp").write_bytes(b"half a shard")
        written = [path for path in folder.iterdir() if path.name.startswith(("tokens", "text"))]
        assert len(written) == tasks + 1 or tasks == 0
    emit(world.emission(folder, format_), world.plan, serially)
    assert content(folder) == content(tmp_path / "whole")


@pytest.mark.parametrize("shard_bytes", [1, 2_000, 10**9])
def test_shard_size_changes_the_cut_only(world: World, tmp_path: Path, shard_bytes: int) -> None:
    emit(world.emission(tmp_path / "a"), world.plan, serially)
    emit(world.emission(tmp_path / "b", shard_bytes=shard_bytes), world.plan, serially)
    read = [pl.read_parquet(tmp_path / name / "tokens-*.parquet") for name in "ab"]
    assert read[0].equals(read[1])
    assert len(list((tmp_path / "b").glob("tokens-*"))) == {1: world.plan.sequences, 2_000: 3, 10**9: 1}[shard_bytes]


def test_a_folder_of_something_else_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SpecError, match=r"not empty and no emission .*notes\.txt"):
        emit(world.emission(tmp_path), world.plan, serially)
    out = tmp_path / "out"
    emit(world.emission(out), world.plan, serially)
    for other in (
        replace(world.emission(out), plan_hash="beef"),
        world.emission(out, "jsonl"),
        world.emission(out, shard_bytes=1),
    ):
        with pytest.raises(SpecError, match="holds another emission"):
            emit(other, world.plan, serially)
    with pytest.raises(SpecError, match="can't be a folder of shards"):
        emit(world.emission(tmp_path / "notes.txt"), world.plan, serially)
    with pytest.raises(SpecError, match="unknown format 'parket'; did you mean 'parquet'"):
        emit(replace(world.emission(tmp_path / "new"), format="parket"), world.plan, serially)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("format_", FORMATS)
def test_an_empty_plan(world: World, tmp_path: Path, format_: str) -> None:
    store = tmp_path / "store"
    store.mkdir()
    empty = replace(world, store=store, uses=[], plan=replace(world.plan, drawn=()))
    empty.write_uses()
    manifest = emit(empty.emission(tmp_path / "out", format_), empty.plan, serially)
    assert (manifest.shards, manifest.phases) == ([], [])
    assert {count.sequences for count in manifest.components.values()} == {0}


def test_a_damaged_manifest_is_a_sentence(world: World, emitted: tuple[str, Path]) -> None:
    format_, folder = emitted
    content = (folder / "manifest.json").read_bytes()
    for damaged in (content[:-9], content.replace(b'"sequences"', b'"sequence"', 1)):
        (folder / "manifest.json").write_bytes(damaged)
        with pytest.raises(StoreError, match="is damaged"):
            emit(world.emission(folder, format_), world.plan, serially)
    (folder / "manifest.json").unlink()
    with pytest.raises(StoreError, match="run `datamix mix emit` first"):
        read_manifest(folder)


def test_missing_damaged_and_foreign_caches(world: World, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(world.store, store)
    moved = replace(world, store=store)
    cache = store / world.tokenizer.hash[:16] / "web" / "part-2.tok"
    intact = cache.read_bytes()

    cache.write_bytes(intact[:20] + bytes([intact[20] ^ 1]) + intact[21:])
    with pytest.raises(StoreError, match=r"part-2\.tok is damaged"):
        emit(moved.emission(tmp_path / "a"), world.plan, serially)
    cache.unlink()
    with pytest.raises(StoreError, match=r"part-2\.tok is missing"):
        emit(moved.emission(tmp_path / "a"), world.plan, serially)
    foreign = replace(moved.emission(tmp_path / "a"), caches=moved.emission(tmp_path, "jsonl").caches)
    with pytest.raises(StoreError, match="of the tokenizer bytes, the plan counts in"):
        emit(foreign, world.plan, serially)
    cache.write_bytes(intact)
    emit(moved.emission(tmp_path / "a"), world.plan, serially)
    emit(world.emission(tmp_path / "b"), world.plan, serially)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        (4, {"tokens": 1}, "order .* sequences"),
        (4, {"first_sequence": 0}, "name other sequences"),
        (4, {"last_sequence": 0}, "name other sequences"),
        (4, {"line_start": 1}, "without a gap"),
        (4, {"component": "wep"}, "unknown components"),
        (4, {"doc_offset": 100_000}, "shorter documents"),
        (4, {"shard_row": 3}, "has 3 documents"),
        (-1, {"phase": "base"}, "two phases"),
    ],
)
def test_uses_that_do_not_fit_the_plan(
    world: World, tmp_path: Path, row: int, changes: dict[str, Any], message: str
) -> None:
    uses = [dict(use) for use in world.uses]
    uses[row] |= changes
    store = tmp_path / "store"
    shutil.copytree(world.store, store)
    wrong = replace(world, store=store, uses=uses)
    wrong.write_uses()
    with pytest.raises(StoreError, match=message):
        emit(wrong.emission(tmp_path / "out"), world.plan, serially)
    assert not (tmp_path / "out/manifest.json").exists()


def test_missing_damaged_and_incomplete_uses(world: World, tmp_path: Path) -> None:
    emission = replace(world.emission(tmp_path / "out"), uses=tmp_path / "uses.parquet")
    with pytest.raises(StoreError, match="missing"):
        emit(emission, world.plan, serially)
    emission.uses.write_bytes((world.store / "uses.parquet").read_bytes()[:-9])
    with pytest.raises(StoreError, match="damaged"):
        emit(emission, world.plan, serially)
    pq.write_table(pq.read_table(world.store / "uses.parquet").drop(["epoch", "shard"]), emission.uses)
    with pytest.raises(StoreError, match="lacks the columns epoch, shard"):
        emit(emission, world.plan, serially)


def test_duckdb_sums_the_phases(world: World, tmp_path: Path) -> None:
    emit(world.emission(tmp_path), world.plan, serially)
    found = duckdb.sql(
        f"SELECT phase, component, count(*), sum(len(tokens)) FROM '{tmp_path}/tokens-*.parquet' GROUP BY ALL"
    ).fetchall()
    length = world.plan.sequence_length
    assert set(found) == {(p, c, n, n * length) for p, weights in PHASES.items() for c, n in weights.items()}
