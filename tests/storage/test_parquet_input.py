from __future__ import annotations

import datetime
import decimal
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.errors import InputError
from datamix.spec.project import Source
from datamix.storage.batch import Batch, Quarantined
from datamix.storage.parquet_input import ParquetDamagedError, read_parquet, row_groups


def source(**fields: Any) -> Source:
    return Source(name="s", path=("x",), **fields)


def read(
    path: Path, table: pa.Table, source: Source, group: int = 1000, batch_bytes: int = 1 << 20, most: int = 64 << 20
) -> list[Batch]:
    pq.write_table(table, path, row_group_size=group)
    return read_all(path, source, batch_bytes, most)


def read_all(path: Path, source: Source, batch_bytes: int = 1 << 20, most: int = 64 << 20) -> list[Batch]:
    stop = len(row_groups(path, source))
    found = read_parquet(path, source, start=0, stop=stop, first_row=0, batch_bytes=batch_bytes, max_text_bytes=most)
    return list(found)


def entries(batches: list[Batch]) -> list[Quarantined]:
    return [entry for batch in batches for entry in batch.quarantined]


def column(batches: list[Batch], name: str) -> list[Any]:
    return [value for batch in batches for value in batch.documents.column(name).to_pylist()]


TEXT = ["a", "é", None, "", "long " * 100, "last"]


@pytest.mark.parametrize(
    "type_",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.binary()),
    ],
    ids=str,
)
@pytest.mark.parametrize("group", [2, 1000])
def test_every_type_of_text(tmp_path: Path, type_: pa.DataType, group: int) -> None:
    batches = read(tmp_path / "a.parquet", pa.table({"text": pa.array(TEXT).cast(type_)}), source(), group)
    assert column(batches, "text") == [TEXT[0], TEXT[1], TEXT[4], TEXT[5]]
    assert column(batches, "row") == [0, 1, 4, 5]
    assert column(batches, "offset") == [None] * 4
    assert [(entry.row, entry.reason) for entry in entries(batches)] == [(2, "text_missing"), (3, "text_empty")]
    assert all(batch.documents.schema.field("text").type == pa.large_string() for batch in batches)


def test_file_without_any_text(tmp_path: Path) -> None:
    batches = read(tmp_path / "a.parquet", pa.table({"text": pa.nulls(3)}), source())
    assert [entry.reason for entry in entries(batches)] == ["text_missing"] * 3
    assert read(tmp_path / "a.parquet", pa.table({"text": pa.array([], pa.string())}), source()) == []


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("name", ["text", "id", "note"])
def test_what_is_not_utf8_is_quarantined(tmp_path: Path, binary: bool, name: str) -> None:
    raw = pa.array([b"a", b"\xff", None, b"b", b"\xed\xa0\x80"], pa.binary())
    bad = raw if binary else pa.StringArray.from_buffers(len(raw), *raw.buffers()[1:], raw.buffers()[0])
    columns = {"text": pa.array(list("vwxyz")), "id": pa.array(list("vwxyz")), "note": pa.array(list("vwxyz"))}
    batches = read(tmp_path / "a.parquet", pa.table({**columns, name: bad}), source(id="id", columns=["note"]))
    not_utf8 = [entry for entry in entries(batches) if entry.reason == "not_utf8"]
    assert [(entry.row, entry.detail) for entry in not_utf8] == [
        (1, f"the column {name!r} of row 1 is not UTF-8"),
        (4, f"the column {name!r} of row 4 is not UTF-8"),
    ]
    assert column(batches, "row") == ([0, 3] if name == "text" else [0, 2, 3])


def test_metadata_of_every_type(tmp_path: Path) -> None:
    day = datetime.date(2024, 5, 6)
    table = pa.table(
        {
            "text": ["a", "b"],
            "id": pa.array([2**63, None], pa.uint64()),
            "created": pa.array([day, None]),
            "url": ["http://A.b/", None],
            "n": pa.array([1.0, None]),
            "flag": [True, None],
            "d": pa.array([decimal.Decimal("1.50"), None]),
            "day": pa.array([day, None]),
            "tags": pa.array([["x", None], None]),
            "raw": pa.array([{"b": b"\xff"}, None]),
            "kind": pa.array(["k", None]).dictionary_encode(),
        }
    )
    carried = ["url", "n", "flag", "d", "day", "tags", "raw", "kind"]
    (batch,) = read(tmp_path / "a.parquet", table, source(id="id", created="created", columns=carried))
    row = batch.documents.slice(0, 1).to_pylist()[0]
    assert row.pop("created") == datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
    assert row == {
        "row": 0, "offset": None, "id": "9223372036854775808", "text": "a", "created_precision": "day",
        "url": "http://A.b/", "host": "a.b", "license": None, "n": "1.0", "flag": "true", "d": "1.50",
        "day": "2024-05-06", "tags": '["x",null]', "raw": '{"b":"ff"}', "kind": "k",
    }  # fmt: skip
    second = batch.documents.slice(1).to_pylist()[0]
    assert {name: value for name, value in second.items() if value is not None} == {"row": 1, "text": "b"}


def test_only_the_row_groups_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(i) for i in range(50)]}), file, row_group_size=10)
    found = read_parquet(file, source(), start=1, stop=3, first_row=10, batch_bytes=1 << 20, max_text_bytes=1 << 20)
    batches = list(found)
    assert column(batches, "text") == [str(i) for i in range(10, 30)]
    assert column(batches, "row") == list(range(10, 30))


def test_batches_are_of_about_the_bytes_asked_for(tmp_path: Path) -> None:
    table = pa.table({"text": ["x" * 1_000 + str(i) for i in range(500)]})
    batches = read(tmp_path / "a.parquet", table, source(), batch_bytes=50_000)
    assert len(batches) == 11
    assert max(batch.documents.nbytes for batch in batches) < 60_000


def test_damaged_row_group_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    table = pa.table({"text": [f"document {i}" for i in range(30)]})
    pq.write_table(table, file, row_group_size=10, compression="zstd", use_dictionary=False, write_page_checksum=True)
    with pq.ParquetFile(file) as parquet:
        start = parquet.metadata.row_group(1).column(0).data_page_offset
        size = parquet.metadata.row_group(1).column(0).total_compressed_size
    content = bytearray(file.read_bytes())
    content[start + size - 5] ^= 1
    file.write_bytes(content)
    batches = read_all(file, source())
    assert column(batches, "row") == [*range(10), *range(20, 30)]
    (entry,) = entries(batches)
    assert (entry.row, entry.reason, entry.documents) == (10, "damaged", 10)
    assert "row group 1 can't be decoded from row 10 on: " in entry.detail


def test_damaged_footer_and_columns_that_do_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table([["x"], ["y"], [1]], names=["text", "text", "n"]), file)
    with pytest.raises(InputError, match="has several columns 'text'"):
        row_groups(file, source())
    with pytest.raises(InputError, match="the column 'n' holds int64, not text"):
        row_groups(file, source(text="n"))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ParquetDamagedError, match="can't be read as Parquet"):
        row_groups(file, source())


@pytest.mark.parametrize(
    "type_",
    [pa.string(), pa.large_binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_over_the_limit_is_quarantined(tmp_path: Path, type_: pa.DataType) -> None:
    texts = pa.array(["a", "x" * 1_001, "é" * 500, None, "é" * 501, "b"]).cast(type_)
    notes = pa.array(["", "", "", "", "y" * 2_000, "y" * 1_500])
    table = pa.table({"text": texts, "note": notes})
    batches = read(tmp_path / "a.parquet", table, source(columns=["note"]), most=1_000)
    assert column(batches, "row") == [0, 2]
    assert [(entry.row, entry.reason) for entry in entries(batches)] == [
        (1, "line_too_long"), (3, "text_missing"), (4, "line_too_long"), (5, "line_too_long"),
    ]  # fmt: skip
    assert entries(batches)[0].detail == "the column 'text' of row 1 has 1,001 bytes; at most 1,000 are read"
    assert "'note' of row 5 has 1,500 bytes" in entries(batches)[3].detail


def test_one_text_in_many_rows_fills_many_batches(tmp_path: Path) -> None:
    table = pa.table({"text": ["x" * 100_000] * 2_000})  # 200 MB of text in a file of some kilobytes
    batches = read(tmp_path / "a.parquet", table, source(), group=2_000, batch_bytes=1_000_000)
    assert column(batches, "row") == list(range(2_000))
    assert max(batch.documents.nbytes for batch in batches) < 7_000_000


def test_identifiers_of_every_type(tmp_path: Path) -> None:
    first = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    ids = {
        str(first): pa.array([first.bytes, None], pa.uuid()),
        first.hex: pa.array([first.bytes, None], pa.binary(16)),
        "6162ff": pa.array([b"ab\xff", None], pa.binary(3)),
        "ab": pa.array([b"ab", None], pa.binary()),
        "1.5": pa.array([1.5, np.nan], pa.float64()),
        "0.5": pa.array([0.5, np.inf], pa.float32()),
        "2.0": pa.array(np.array([2, np.nan], np.float16)),
        "123456789012345678901234567890": pa.array([decimal.Decimal(123456789012345678901234567890), None]),
        f'["{first.hex}"]': pa.array([[first.bytes], None], pa.list_(pa.binary(16))),
    }
    for expected, values in ids.items():
        for same in (values, values.dictionary_encode()) if values.type == pa.binary(16) else (values,):
            (batch,) = read(tmp_path / "a.parquet", pa.table({"text": ["a", "b"], "id": same}), source(id="id"))
            assert batch.documents.column("id").to_pylist() == [expected, None]
