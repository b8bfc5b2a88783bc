"""Documents from Parquet files that others wrote, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datamix.errors import InputError, nearest
from datamix.spec.project import Source
from datamix.storage.batch import Batch, Columns, Quarantined, make_batch
from datamix.storage.fields import is_text
from datamix.storage.jsonl import json_text

_DAMAGE = (pa.ArrowException, OSError)
_MAX_ROWS = 65_536
_PIECES, _PIECE_ROWS = 32, 64
_LARGE = pa.large_string()


class ParquetDamagedError(InputError):
    """A file that is no Parquet, or whose footer is damaged."""


class RowGroup(NamedTuple):
    """A row group, by its footer: number of rows, and bytes of the text column before compression."""

    rows: int
    text_bytes: int


def row_groups(path: Path, source: Source) -> list[RowGroup]:
    """Read the footer of a Parquet file.

    Raises:
        ParquetDamagedError: it has no valid footer, or one that contradicts itself.
        InputError: a column that `source` names is missing, or its text column holds no text.
    """
    with _open(path) as file:
        _check_columns(file.schema_arrow, path, source)
        metadata = file.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        rows = [group.num_rows for group in groups]
        if sum(rows) != metadata.num_rows or min(rows, default=0) < 0:
            raise ParquetDamagedError(
                f"can't be read as Parquet: the footer says {metadata.num_rows} rows, its row groups say {sum(rows)}"
            )
        if not groups:
            return []
        columns = [groups[0].column(j).path_in_schema for j in range(groups[0].num_columns)]
        text = columns.index(source.text)
        return [RowGroup(group.num_rows, group.column(text).total_uncompressed_size) for group in groups]


def read_parquet(
    path: Path,
    source: Source,
    *,
    start: int,
    stop: int,
    first_row: int,
    batch_bytes: int,
    max_text_bytes: int,
) -> Iterator[Batch]:
    """Read the row groups start to stop, the columns that `source` names, into batches of about `batch_bytes`.

    A row group that can't be decoded gives what could be read before the damage and one quarantine entry for the rest.
    A row with a text of more than `max_text_bytes` in any of the columns is quarantined.

    Memory: a batch, the longest value, and what Arrow holds beside it: the page that the value lies in, decompressed,
    and the dictionary if the page refers to one. A value of 500 MB takes 1.0 GB in a file without dictionaries and
    1.5 GB with, before anyone can see how long it is.

    Raises:
        ParquetDamagedError, InputError: as `row_groups` does.
    """
    with _open(path) as file:
        _check_columns(file.schema_arrow, path, source)
        names = list(_wanted(source))
        row = first_row
        for i in range(start, stop):
            group = file.metadata.row_group(i)
            end = row + group.num_rows
            size = sum(
                group.column(j).total_uncompressed_size
                for j in range(group.num_columns)
                if group.column(j).path_in_schema.split(".")[0] in names
            )
            rows = min(max(batch_bytes * group.num_rows // max(size, 1), 1), _MAX_ROWS)
            piece_rows = min(max(rows // _PIECES, 1), _PIECE_ROWS)
            pieces = file.iter_batches(piece_rows, row_groups=[i], columns=names, use_threads=False)
            try:
                for table in _joined(pieces, rows, batch_bytes):
                    batch, n = _batch(table, source, row, max_text_bytes), len(table)
                    del table  # else it stays while the next one is decoded
                    row += n
                    yield batch
                    del batch
            except _DAMAGE as error:
                detail = f"row group {i} can't be decoded from row {row} on: {_first_line(error)}"
            else:
                detail = f"row group {i} has fewer rows than the footer says"
            if row < end:
                lost = Quarantined(row, None, "damaged", detail, documents=end - row)
                yield _batch(file.schema_arrow.empty_table().select(names), source, row, max_text_bytes, lost)
            row = end


def _joined(pieces: Iterator[pa.RecordBatch], max_rows: int, max_bytes: int) -> Iterator[pa.RecordBatch | pa.Table]:
    """Join small batches into larger ones, whose true size counts.

    The footer tells only the average length of a row group's values; among short ones lie long ones, and a dictionary
    gives many rows one long text.
    """
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0
    damage: Exception | None = None
    while True:
        try:
            piece = next(pieces, None)
        except _DAMAGE as error:
            piece, damage = None, error
        if piece is None:
            break
        piece = pa.RecordBatch.from_arrays([_decoded(column) for column in piece.columns], piece.schema.names)
        if waiting and (size + piece.nbytes > max_bytes or rows + len(piece) > max_rows):
            yield _together(waiting)
            rows, size = 0, 0
        rows, size = rows + len(piece), size + piece.nbytes
        waiting.append(piece)
        del piece
        if size >= max_bytes:
            yield _together(waiting)
            rows, size = 0, 0
    if waiting:
        yield _together(waiting)
    if damage is not None:
        raise damage


def _together(waiting: list[pa.RecordBatch]) -> pa.RecordBatch | pa.Table:
    """Empty the list into one batch; a single one is not copied."""
    joined = waiting[0] if len(waiting) == 1 else pa.Table.from_batches(waiting)
    waiting.clear()
    return joined


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
    except _DAMAGE as error:
        raise ParquetDamagedError(f"can't be read as Parquet: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _wanted(source: Source) -> dict[str, str]:
    """Return the columns that `source` names, each with its key in the project file."""
    named = {"text": source.text, "id": source.id, "created": source.created}
    wanted = {column: key for key, column in named.items() if column is not None}
    return {**dict.fromkeys(source.columns, "columns"), **wanted}


def _check_columns(schema: pa.Schema, path: Path, source: Source) -> None:
    for column, key in _wanted(source).items():
        if schema.names.count(column) != 1:
            problem = f"no column {column!r}" if column not in schema.names else f"several columns {column!r}"
            raise InputError(
                f"{path} has {problem}{nearest(column, schema.names)}; it has {', '.join(schema.names)}; "
                f"change `{key}` of source {source.name!r} in datamix.yaml"
            )
    type_ = _value_type(schema.field(source.text).type)
    if not _holds_text(type_):
        raise InputError(
            f"{path}: the column {source.text!r} holds {type_}, not text; "
            f"change `text` of source {source.name!r} in datamix.yaml"
        )


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _holds_text(type_: pa.DataType) -> bool:
    binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_)
    return bool(binary or is_text(type_) or pa.types.is_null(type_))


def _batch(
    table: pa.RecordBatch | pa.Table, source: Source, row: int, max_text_bytes: int, *lost: Quarantined
) -> Batch:
    columns = {name: _decoded(table.column(name)) for name in _wanted(source)}
    quarantined = list(lost)
    valid = np.ones(len(table), np.bool_)
    for name, column in columns.items():
        if _holds_text(column.type):
            sizes = np.asarray(pc.fill_null(pc.binary_length(column), 0))
            for i in np.flatnonzero((sizes > max_text_bytes) & valid):
                detail = (
                    f"the column {name!r} of row {row + i} has {sizes[i]:,} bytes; at most {max_text_bytes:,} are read"
                )
                quarantined.append(Quarantined(row + int(i), None, "line_too_long", detail))
            valid &= sizes <= max_text_bytes
    rows = row + np.flatnonzero(valid)
    if not valid.all():  # before anything copies them
        columns = {name: column.filter(pa.array(valid)) for name, column in columns.items()}
    valid = np.ones(len(rows), np.bool_)
    for name, column in columns.items():
        if _holds_text(column.type):
            columns[name], bad = _utf8(column)
            for i in np.flatnonzero(bad & valid):
                detail = f"the column {name!r} of row {rows[i]} is not UTF-8"
                quarantined.append(Quarantined(int(rows[i]), None, "not_utf8", detail))
            valid &= ~bad
    text = columns[source.text]
    for reason, found in (
        ("text_missing", np.asarray(pc.is_null(text))),
        ("text_empty", np.asarray(pc.fill_null(pc.equal(pc.binary_length(text), 0), False))),
    ):
        for i in np.flatnonzero(found & valid):
            detail = f"{source.text!r} is {'null' if reason == 'text_missing' else 'an empty string'}"
            quarantined.append(Quarantined(int(rows[i]), None, reason, detail))
        valid &= ~found
    quarantined.sort(key=lambda entry: entry.row)
    if not valid.all():
        columns = {name: column.filter(pa.array(valid)) for name, column in columns.items()}
    return make_batch(
        source,
        Columns(
            row=pa.array(rows[valid], pa.int64()),
            offset=None,
            text=columns[source.text],
            id=None if source.id is None else _as_text(columns[source.id]),
            created=None if source.created is None else columns[source.created],
            carried={name: _as_text(columns[name]) for name in source.columns},
        ),
        quarantined,
    )


def _decoded(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array without dictionary, texts as large_binary (a copy of views only)."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.large_binary()) if _holds_text(array.type) else array


def _utf8(raw: pa.LargeBinaryArray) -> tuple[pa.LargeStringArray, npt.NDArray[np.bool_]]:
    """Return texts as large_string, and which of them are not UTF-8 (null in the result)."""
    try:
        return raw.cast(_LARGE), np.zeros(len(raw), np.bool_)
    except pa.ArrowInvalid:
        bad = np.array([not _is_utf8(value) for value in raw.to_pylist()])
        return pc.if_else(pa.array(bad), pa.scalar(None, pa.large_binary()), raw).cast(_LARGE), bad


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_text(column: pa.Array) -> pa.LargeStringArray:
    type_ = column.type
    if is_text(type_) or pa.types.is_integer(type_) or pa.types.is_temporal(type_) or pa.types.is_decimal(type_):
        return column.cast(_LARGE)
    return pa.array([json_text(value) for value in column.to_pylist()], _LARGE)
