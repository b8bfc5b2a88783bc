from __future__ import annotations

from typing import Any

import orjson
import pytest

from datamix.spec.project import Source
from datamix.storage.batch import REASONS, Batch, Quarantined
from datamix.storage.jsonl import MAX_DEPTH, MAX_VALUES, read_jsonl
from datamix.storage.lines import split_lines

PLAIN = Source(name="s", path=("x",))


def parse(data: bytes, source: Source = PLAIN, first_row: int = 0, first_offset: int | None = 0) -> Batch:
    pieces = split_lines([data] if data else [], 1 << 20)
    batches = list(read_jsonl(pieces, source, first_row=first_row, first_offset=first_offset, batch_bytes=1 << 20))
    assert len(batches) == 1
    return batches[0]


def refused(line: bytes, source: Source = PLAIN) -> Quarantined:
    batch = parse(b'{"text": "first"}\n' + line + b'\n{"text": "last"}\n', source)
    assert batch.documents.column("text").to_pylist() == ["first", "last"]
    assert batch.documents.column("row").to_pylist() == [0, 2]
    (entry,) = batch.quarantined
    assert (entry.row, entry.offset, entry.documents) == (1, 18, 1)
    assert entry.reason in REASONS
    return entry


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"text": "x"', "not_json", "unexpected end of data at column 13"),
        (b"text", "not_json", "at column 1"),
        (b'{"text": "\\ud800"}', "not_json", "surrogate"),
        (b'{"text": NaN}', "not_json", "at column"),
        (b'{"text": "\x01"}', "not_json", "control character"),
        (b'{"text": "x"} {"text": "y"}', "not_json", "at column 15"),
        (b'{"text": "\xff"}', "not_utf8", "byte 10 of the line is not UTF-8 (invalid start byte)"),
        (b'{"text": "\xed\xa0\x80"}', "not_utf8", "byte 10"),
        (b'["text"]', "not_object", "the line is a list, not an object"),
        (b"null", "not_object", "the line is null"),
        (b'{"txt": "x", "b": 1}', "text_missing", "no 'text'; did you mean 'txt'?; keys: txt, b"),
        (b"{}", "text_missing", "no 'text'; keys: none"),
        (b'{"text": null}', "text_missing", "'text' is null, not a string"),
        (b'{"text": 5}', "text_missing", "'text' is a number, not a string"),
        (b'{"text": ["a"]}', "text_missing", "'text' is a list, not a string"),
        (b'{"text": ""}', "text_empty", "'text' is an empty string"),
        (b'{"text": "x", "a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "too_deep", "deeper than 64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep", "deeper than 64 levels"),
    ],
)
def test_bad_line_is_quarantined_with_its_reason(line: bytes, reason: str, detail: str) -> None:
    entry = refused(line)
    assert entry.reason == reason
    assert detail in entry.detail


def test_deepest_line_that_is_read() -> None:
    depth = MAX_DEPTH - 1
    line = b'{"text": "x", "a": ' + b'{"b":' * (depth - 1) + b"[]" + b"}" * (depth - 1) + b"}"
    assert len(parse(line).documents) == 1


def test_nothing_is_given_for_nothing() -> None:
    for data in (b"", b"\n", b"\n \r\n\t\n"):
        pieces = split_lines([data] if data else [], 100)
        assert list(read_jsonl(pieces, PLAIN, first_row=0, first_offset=0, batch_bytes=100)) == []


def test_line_ends_blank_lines_and_byte_order_mark() -> None:
    data = b'\xef\xbb\xbf{"text": "a"}\r\n\r\n  \n{"text": "b"}\n\n{"text": "c"}'
    batch = parse(data)
    assert batch.quarantined == ()
    assert batch.documents.column("text").to_pylist() == ["a", "b", "c"]
    assert batch.documents.column("row").to_pylist() == [0, 3, 5]
    for offset, text in zip(batch.documents.column("offset").to_pylist(), "abc", strict=True):
        line = data[offset:].split(b"\n")[0].removeprefix(b"\xef\xbb\xbf")
        assert orjson.loads(line)["text"] == text


def test_byte_order_mark_elsewhere_is_no_json() -> None:
    assert refused(b'\xef\xbb\xbf{"text": "a"}').reason == "not_json"
    later = parse(b'\xef\xbb\xbf{"text": "a"}', first_row=7)
    assert (later.quarantined[0].reason, later.quarantined[0].row) == ("not_json", 7)


def test_rows_and_offsets_count_from_those_of_the_range() -> None:
    batch = parse(b'{"text": "a"}\n{\n{"text": "b"}', first_row=10, first_offset=1000)
    assert batch.documents.column("row").to_pylist() == [10, 12]
    assert batch.documents.column("offset").to_pylist() == [1000, 1016]
    assert (batch.quarantined[0].row, batch.quarantined[0].offset) == (11, 1014)
    assert parse(b'{"text": "a"}\n{', first_offset=None).quarantined[0].offset is None


def test_metadata() -> None:
    source = Source(name="s", path=("x",), text="body", id="key", created="when", columns=("url", "license", "n"))
    records: list[dict[str, Any]] = [
        {"body": "a", "key": "k", "when": "2024-05-06", "url": "http://A.b/c", "license": "MIT", "n": "plain"},
        {"body": "b", "key": 17, "when": 1987, "n": {"x": [1, None]}},
        {"body": "c", "key": None, "when": "soon", "url": None, "n": True},
        {"body": "d\0é", "key": 1.5, "n": 2},
    ]
    batch = parse(b"\n".join(map(orjson.dumps, records)), source)
    columns = batch.documents.to_pydict()
    assert columns["id"] == ["k", "17", None, "1.5"]
    assert columns["text"] == ["a", "b", "c", "d\0é"]
    assert [time and time.year for time in columns["created"]] == [2024, 1987, None, None]
    assert columns["created_precision"] == ["day", "year", None, None]
    assert batch.unparsed_created == 1
    assert columns["url"] == ["http://A.b/c", None, None, None]
    assert columns["host"] == ["a.b", None, None, None]
    assert columns["license"] == ["MIT", None, None, None]
    assert columns["n"] == ["plain", '{"x":[1,null]}', "true", "2"]


def test_many_refused_lines_do_not_gather_in_memory() -> None:
    pieces = split_lines((b"x\n" * 1_000 for _ in range(50)), 100)
    batches = list(read_jsonl(pieces, PLAIN, first_row=0, first_offset=0, batch_bytes=1 << 30))
    assert [len(batch.quarantined) for batch in batches] == [10_000] * 5


def parse_long(line: bytes) -> Batch:
    pieces = split_lines([line], 64 << 20)
    (batch,) = read_jsonl(pieces, PLAIN, first_row=0, first_offset=0, batch_bytes=1 << 30)
    return batch


@pytest.mark.parametrize("value", [b"1", b"[]", b'{"a":1}', b'",\\""'])
def test_line_of_too_many_values_is_quarantined(value: bytes) -> None:
    size = 1 + len(orjson.loads(b"[" + value + b"]")) * (value[:1] in (b"[", b"{"))  # its comma and its bracket
    last = (MAX_VALUES - 2) // size
    most = b'{"text": "a", "x": [' + b",".join([value] * (last - 1)) + b"]}"
    assert len(parse_long(most).documents) == 1
    (entry,) = parse_long(most[:-2] + (b"," + value) * 4 + b"]}").quarantined
    assert entry.reason == "too_complex"
    assert f"at most {MAX_VALUES:,} are read" in entry.detail


@pytest.mark.parametrize("end", ["", "\\", '"', '\\"', ","])
def test_commas_and_brackets_in_a_text_are_no_values(end: str) -> None:
    text = 'a, [b], {"c"}, \\" \\\\' * (MAX_VALUES // 4) + end
    batch = parse_long(orjson.dumps({"a": end, "text": text, "b": [1, 2]}))
    assert batch.documents.column("text").to_pylist() == [text]


def test_long_integers_keep_their_digits() -> None:
    source = Source(name="s", path=("x",), id="id", columns=("n",))
    ids = [2**63, -(2**63), 2**64 - 1, 2**64, 2**64 + 1, -(2**63) - 1, 10**300 + 7]
    lines = b"\n".join(b'{"text": "x", "id": %d, "n": 1e30}' % i for i in ids)
    documents = parse(lines, source).documents
    assert documents.column("id").to_pylist() == [str(i) for i in ids]
    assert documents.column("n").to_pylist() == ["1e+30"] * len(ids)
