"""Documents from lines of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa

from datamix.errors import nearest
from datamix.spec.project import Source
from datamix.storage.batch import Batch, Columns, Quarantined, make_batch
from datamix.storage.lines import Lines, Refused

MAX_LINE_BYTES = 64 << 20
MAX_DEPTH = 64
MAX_VALUES = 2_000_000
"""Values, as `_values` counts them, in one line: parsed, a value takes up to 300 bytes, so such a line takes 0.6 GB."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_MAX_QUARANTINED = 10_000
_LARGE = pa.large_string()
_COUNTED_BYTES = 1 << 20
_NESTED = frozenset((dict, list))
_SMALL = frozenset((str, int, bool, type(None)))


def read_jsonl(
    pieces: Iterable[Lines | Refused], source: Source, *, first_row: int, first_offset: int | None, batch_bytes: int
) -> Iterator[Batch]:
    """Parse lines, each an object in UTF-8, into batches of about `batch_bytes` of lines.

    Blank lines are no documents; a byte order mark before the first line of a file is skipped.

    Args:
        pieces: from `split_lines`, with rows and offsets from 0.
        source: the keys to take.
        first_row: number of the first line in its file.
        first_offset: its first byte in its file; None for a compressed file, whose documents have no offset.
        batch_bytes: a batch ends with the first piece that reaches it.
    """
    collector = _Collector(source, first_row, first_offset)
    for piece in pieces:
        if isinstance(piece, Refused):
            collector.refuse(piece.row, piece.offset, piece.reason, piece.detail)
        else:
            collector.parse(piece)
        if collector.bytes >= batch_bytes or len(collector.quarantined) >= _MAX_QUARANTINED:
            yield collector.batch()
            collector = _Collector(source, first_row, first_offset)
    if collector.rows or collector.quarantined:
        yield collector.batch()


class _Collector:
    """The documents of the next batch."""

    def __init__(self, source: Source, first_row: int, first_offset: int | None) -> None:
        self.source, self.first_row, self.first_offset = source, first_row, first_offset
        self.rows: list[int] = []
        self.offsets: list[int] = []
        self.texts: list[str] = []
        keys = [key for key in (source.id, source.created, *source.columns) if key is not None]
        self.values: dict[str, list[Any]] = {key: [] for key in keys}
        self.quarantined: list[Quarantined] = []
        self.bytes = 0

    def refuse(self, row: int, offset: int, reason: str, detail: str) -> None:
        place = None if self.first_offset is None else self.first_offset + offset
        self.quarantined.append(Quarantined(self.first_row + row, place, reason, detail))

    def parse(self, block: Lines) -> None:
        key, loads = self.source.text, orjson.loads
        row, offset = block.row - 1, block.offset
        taken = list(self.values.items())
        for line in block.lines:
            row += 1
            start = offset
            offset += len(line) + 1
            if len(line) > MAX_VALUES and (count := _values(line)) > MAX_VALUES:
                self.refuse(
                    row, start, "too_complex", f"the line has {count:,} values; at most {MAX_VALUES:,} are read"
                )
                continue
            try:
                record = loads(line)
            except orjson.JSONDecodeError as error:
                if row + self.first_row == 0 and line.startswith(BYTE_ORDER_MARK):
                    self.parse(Lines(row, start, [line.removeprefix(BYTE_ORDER_MARK)]))
                elif line.strip():
                    self.refuse(row, start, *_why_not_json(line, error))
                continue
            if type(record) is not dict:
                self.refuse(row, start, "not_object", f"the line is {_kind(record)}, not an object in braces")
                continue
            text = record.get(key)
            if type(text) is not str:
                self.refuse(row, start, "text_missing", _why_no_text(key, record))
            elif not text:
                self.refuse(row, start, "text_empty", f"{key!r} is an empty string")
            elif not _NESTED.isdisjoint(map(type, record.values())) and _too_deep(record):
                self.refuse(row, start, "too_deep", f"the line is nested deeper than {MAX_DEPTH} levels")
            else:
                self.rows.append(self.first_row + row)
                self.offsets.append(start)
                self.texts.append(text)
                for name, values in taken:
                    value = record.get(name)
                    values.append(value if type(value) in _SMALL else _compact(value, name, line))
        self.bytes += offset - block.offset

    def batch(self) -> Batch:
        source = self.source
        texts = {name: _text_array(values) for name, values in self.values.items()}
        offsets = None
        if self.first_offset is not None:
            offsets = pa.array([self.first_offset + offset for offset in self.offsets], pa.int64())
        columns = Columns(
            row=pa.array(self.rows, pa.int64()),
            offset=offsets,
            text=pa.array(self.texts, _LARGE),
            id=None if source.id is None else texts[source.id],
            created=None if source.created is None else texts[source.created],
            carried={name: texts[name] for name in source.columns},
        )
        return make_batch(source, columns, self.quarantined)


def json_text(value: Any) -> str | None:
    """Return a value as text.

    A string is itself, bytes are hexadecimal, a UUID has its dashes; None, NaN and infinity are None; anything else is
    its JSON.
    """
    if value is None or type(value) is str:
        return value
    if type(value) is bytes:
        return value.hex()
    if type(value) is UUID:
        return str(value)
    if type(value) is float and not math.isfinite(value):
        return None
    return orjson.dumps(value, default=_inner_text).decode()


def _inner_text(value: Any) -> str:
    return value.hex() if type(value) is bytes else str(value)


def _compact(value: Any, name: str, line: bytes) -> Any:
    """Return a float, list or object of `line` as what may wait for the end of the batch.

    Lists and objects become JSON, which takes a tenth of the memory. An integer past 64 bits, which orjson rounds to a
    float, becomes its digits, so that two long ids stay two.
    """
    if type(value) in _NESTED:
        return json_text(value)
    if -(2.0**63) < value < 2.0**64:
        return value
    exact = json.loads(line, parse_int=str).get(name)
    return exact if type(exact) is str else value


def _values(line: bytes) -> int:
    """Return at least how many values the JSON of `line` has: commas and opening brackets, those in strings left out.

    They are left out only if the line has too many with them, since looking for strings takes longer than parsing.
    """
    count = sum(map(line.count, (b",", b"[", b"{")))
    if count <= MAX_VALUES:
        return count
    plain = np.frombuffer(line.replace(rb"\\", b"").replace(rb"\"", b""), np.uint8)
    count, inside = 0, np.bool_(False)
    for start in range(0, len(plain), _COUNTED_BYTES):
        piece = plain[start : start + _COUNTED_BYTES]
        strings = np.logical_xor.accumulate(piece == ord('"')) ^ inside
        count += int(np.count_nonzero(((piece == ord(",")) | (piece == ord("[")) | (piece == ord("{"))) & ~strings))
        inside = strings[-1]
    return count


def _text_array(values: list[Any]) -> pa.LargeStringArray:
    try:
        return pa.array(values, _LARGE)
    except pa.ArrowException:
        return pa.array([json_text(value) for value in values], _LARGE)


def _too_deep(record: dict[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(MAX_DEPTH):
        children = [child for value in level for child in (value.values() if type(value) is dict else value)]
        level = [child for child in children if type(child) in _NESTED]
    return bool(level)


def _why_not_json(line: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    try:
        line.decode()
    except UnicodeDecodeError as bad:
        return "not_utf8", f"byte {bad.start} of the line is not UTF-8 ({bad.reason})"
    if error.msg.startswith("depth limit"):
        return "too_deep", f"the line is nested deeper than {MAX_DEPTH} levels"
    return "not_json", f"{error.msg} at column {error.colno}"


def _why_no_text(key: str, record: dict[str, Any]) -> str:
    if key in record:
        return f"{key!r} is {_kind(record[key])}, not a string"
    keys = ", ".join(list(record)[:20])[:500]
    return f"no {key!r}{nearest(key, list(record)[:1000])}; keys: {keys or 'none'}"


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")
