from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from datamix.storage.lines import Lines, Refused, StreamDamagedError, gunzip, split_lines, unzstd


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


def rows(data: bytes, size: int, limit: int = 1 << 20) -> list[tuple[int, int, object]]:
    """Row, offset, and the line, or the reason why it is refused."""
    found: list[tuple[int, int, object]] = []
    for piece in split_lines(chunked(data, size), limit):
        if isinstance(piece, Refused):
            found.append((piece.row, piece.offset, piece.reason))
            continue
        offset = piece.offset
        for i, line in enumerate(piece.lines):
            found.append((piece.row + i, offset, line))
            offset += len(line) + 1
    return found


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.booleans(), st.data())
def test_any_chunks_give_the_same_lines(lines: list[bytes], ends: bool, data: st.DataObject) -> None:
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    size, limit = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 12))
    expected: list[tuple[int, int, object]] = []
    offset = 0
    whole = content.split(b"\n")
    for i, line in enumerate(whole[:-1] if not whole[-1] else whole):
        expected.append((i, offset, line if len(line) <= limit else "line_too_long"))
        offset += len(line) + 1
    assert rows(content, size, limit) == expected


def test_detail_of_a_long_line() -> None:
    pieces = list(split_lines(chunked(b"a\n" + b"b" * 5_000 + b"\nc", 64), 100))
    assert [piece.detail for piece in pieces if isinstance(piece, Refused)] == [
        "the line has 5,000 bytes; at most 100 are read"
    ]
    assert [piece.lines for piece in pieces if isinstance(piece, Lines)] == [[b"a"], [b"c"]]


CONTENT = b"".join(b"%d %s\n" % (i, hashlib.sha1(b"%d" % i).hexdigest().encode()) for i in range(3_000))  # noqa: S324

FORMATS: list[tuple[Callable[[Iterator[bytes]], Iterator[bytes]], Callable[[bytes], bytes]]] = [
    (gunzip, lambda data: gzip.compress(data, mtime=0)),
    (unzstd, zstandard.ZstdCompressor(write_checksum=True).compress),
]


@pytest.mark.parametrize(("decompress", "compress"), FORMATS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_members_and_padding(
    decompress: Callable[[Iterator[bytes]], Iterator[bytes]], compress: Callable[[bytes], bytes], size: int
) -> None:
    raw = compress(CONTENT[:50_000]) + compress(b"") + compress(CONTENT[50_000:]) + b"\0" * 100
    assert b"".join(decompress(chunked(raw, size))) == CONTENT


def test_skippable_frame() -> None:
    raw = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstandard.compress(b"text")
    assert b"".join(unzstd(chunked(raw, 3))) == b"text"


@pytest.mark.parametrize(("decompress", "compress"), FORMATS)
def test_truncation_keeps_what_precedes_it(
    decompress: Callable[[Iterator[bytes]], Iterator[bytes]], compress: Callable[[bytes], bytes]
) -> None:
    raw = b"".join(compress(part) for part in (CONTENT[:40_000], CONTENT[40_000:80_000], CONTENT[80_000:]))
    for cut in (0, 1, len(raw) // 2, len(raw) - 4, len(raw) - 1):
        output = b""
        with pytest.raises(StreamDamagedError, match=r"ends early|is empty") as error:  # noqa: PT012
            for block in decompress(chunked(raw[:cut], 1000)):
                output += block
        assert error.value.reason == "truncated"
        assert CONTENT.startswith(output)
        assert len(output) >= 40_000 * (cut >= len(raw) // 2)
        pieces = list(split_lines(decompress(chunked(raw[:cut], 1000)), 1 << 20))
        end = pieces[-1]
        assert isinstance(end, Refused)
        assert (end.row, end.offset) == (output.count(b"\n"), output.rfind(b"\n") + 1)


@pytest.mark.parametrize("decompress", [gunzip, unzstd])
def test_what_is_not_compressed(decompress: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
    with pytest.raises(StreamDamagedError, match="can't be decompressed further") as error:
        list(decompress(iter([b'{"text": "plain"}\n'])))
    assert error.value.reason == "damaged"


def test_damage_in_gzip_keeps_every_byte_before_it() -> None:
    raw = bytearray(gzip.compress(CONTENT, mtime=0))
    raw[-8] ^= 1  # the checksum, which is checked after all was decompressed
    output = b""
    with pytest.raises(StreamDamagedError) as error:  # noqa: PT012
        for block in gunzip(iter([bytes(raw)])):
            output += block
    assert error.value.reason == "damaged"
    assert output == CONTENT
