from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.storage import parts
from datamix.storage.files import file_hash
from datamix.storage.parts import Part, PartWriter, read_part, write_part
from tests.storage.small_disk import listing, make_read_only, small_disk

SCHEMA = pa.schema([("id", pa.binary(16)), ("words", pa.int64()), ("text", pa.large_string()), ("score", pa.float32())])


def table(rows: int) -> pa.Table:
    numbers = range(rows)
    return pa.table(
        {
            "id": [i.to_bytes(16, "big") for i in numbers],
            "words": [i * 7919 % 1000 if i % 11 else None for i in numbers],
            "text": [f"line {i * i}" for i in numbers],
            "score": [i / 7 for i in numbers],
        },
        schema=SCHEMA,
    )


def write_in_batches(store: Path, path: str, whole: pa.Table, cuts: list[int]) -> Part:
    with PartWriter(store, path, whole.schema) as writer:
        for start, end in zip([0, *cuts], [*cuts, whole.num_rows], strict=True):
            writer.write(whole.slice(start, end - start))
    return writer.part


def test_a_part_comes_back_as_it_was_written(tmp_path: Path) -> None:
    part = write_part(tmp_path, "signals/a/b.parquet", table(1000))
    file = tmp_path / part.path
    assert part == Part("signals/a/b.parquet", 1000, file.stat().st_size, file_hash(file))
    assert read_part(tmp_path, part.path).equals(table(1000))
    assert read_part(tmp_path, part.path, ["score", "words"]).equals(table(1000).select(["score", "words"]))
    assert pl.read_parquet(file).to_arrow().cast(SCHEMA).equals(table(1000))


def test_a_part_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    part = write_in_batches(tmp_path, "empty.parquet", table(0), [])
    assert part.rows == 0
    assert read_part(tmp_path, part.path).schema.equals(SCHEMA)
    with PartWriter(tmp_path, "none.parquet", SCHEMA) as writer:
        pass
    assert writer.part.hash == part.hash


@given(st.lists(st.integers(0, 500), max_size=30).map(sorted))
@settings(max_examples=40)
def test_the_bytes_do_not_depend_on_the_batches(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    store = tmp_path_factory.getbasetemp() / "batches"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ROW_GROUP_ROWS", 64)
        one = write_part(store, "a.parquet", table(500))
        many = write_in_batches(store, "a.parquet", table(500), cuts)
    assert many == one
    assert pq.ParquetFile(store / "a.parquet").metadata.num_row_groups == 8


def test_row_groups_have_their_real_size(tmp_path: Path) -> None:
    whole = pa.table({"n": pa.array(range(150_000), pa.int64())})
    part = write_in_batches(tmp_path, "large.parquet", whole, [10, 70_000, 140_000])
    groups = pq.ParquetFile(tmp_path / part.path).metadata
    assert [groups.row_group(i).num_rows for i in range(3)] == [65_536, 65_536, 18_928]
    assert part.hash == write_part(tmp_path, "again.parquet", whole).hash
    assert read_part(tmp_path, part.path).equals(whole)


def test_flipped_bits_are_detected(tmp_path: Path) -> None:
    part = write_part(tmp_path, "a.parquet", table(3000))
    file, whole = tmp_path / part.path, table(3000)
    good = file.read_bytes()
    generator = np.random.default_rng(5)
    detected = 0
    for _ in range(120):
        bit = int(generator.integers(len(good) * 8))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bad)
        try:
            same = read_part(tmp_path, part.path).equals(whole)
        except StoreError:
            detected += 1
        else:
            assert same, f"bit {bit} changed values unnoticed"
        assert file_hash(file) != part.hash
    assert detected > 100


def test_truncation_is_detected(tmp_path: Path) -> None:
    part = write_part(tmp_path, "a.parquet", table(3000))
    file = tmp_path / part.path
    good = file.read_bytes()
    for size in (0, 3, 4, 8, part.bytes // 3, part.bytes // 2, part.bytes - 9, part.bytes - 1):
        file.write_bytes(good[:size])
        with pytest.raises(StoreError, match=r"a.parquet is damaged .* run `datamix run` again"):
            read_part(tmp_path, part.path)


def test_a_missing_part_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone.parquet is missing; run `datamix run`"):
        read_part(tmp_path, "gone.parquet")


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with PartWriter(tmp_path, "a.parquet", SCHEMA) as writer:
            writer.write(table(10))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert listing(tmp_path) == []


def test_rows_of_another_schema_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="field names"), PartWriter(tmp_path, "a.parquet", SCHEMA) as writer:
        writer.write(pa.table({"other": [1]}))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("rows", [90_000, 60_000])  # the disk is full at a row group in the middle, or at the last one
def test_a_full_disk_leaves_no_file(tmp_path: Path, rows: int) -> None:
    noise = pa.table({"noise": np.random.default_rng(rows).integers(2**63, size=(rows * 4))})
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(StoreError, match=r"can't write .*a.parquet: .*No space left on device.*nothing that was"):
            write_part(disk, "a.parquet", noise)
        assert listing(disk) == []


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        make_read_only(disk)
        with pytest.raises(StoreError, match="Read-only file system"):
            write_part(disk, "a.parquet", table(3))
