"""Lines of plain and compressed files, with a limit on their length, in bounded memory."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import zstandard

from datamix.errors import InputError
from datamix.storage.inputs import BLOCK_BYTES

GZIP_BLOCK_BYTES = 16 << 10
"""Compressed bytes given to gzip at once: deflate expands at most 1,032 times, so 17 MB come back at most."""

ZSTD_BLOCK_BYTES = 2 << 10
"""Compressed bytes given to zstd at once: 4 bytes make a block of at most 128 KiB, so 64 MiB come back at most."""


class StreamDamagedError(InputError):
    """A compressed stream that ends early or can't be decoded further.

    Args:
        reason: `truncated` or `damaged`.
        detail: the sentence.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Lines(NamedTuple):
    """Consecutive lines.

    Args:
        row: number of the first.
        offset: its first byte, counted in the decompressed stream.
        lines: without their newlines.
    """

    row: int
    offset: int
    lines: list[bytes]


class Refused(NamedTuple):
    """A line that is not loaded, or the place where the stream ends for good.

    Args:
        row, offset: as in Lines.
        reason: `line_too_long`, `truncated` or `damaged`.
        detail: the sentence.
    """

    row: int
    offset: int
    reason: str
    detail: str


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[Lines | Refused]:
    """Split a stream into lines; every line that precedes the end of the stream is in exactly one result.

    Memory: a chunk and a line of `max_line_bytes`. The last line need not end with a newline, unless the stream is
    damaged: what follows the last newline is then part of the Refused end.
    """
    row, offset = 0, 0
    parts: list[bytes] = []
    size = 0
    too_long = False
    damage: StreamDamagedError | None = None
    source = iter(chunks)
    while True:
        try:
            chunk = next(source, None)
        except StreamDamagedError as error:
            chunk, damage = None, error
        if chunk is None:
            break
        end = chunk.find(b"\n")
        if end < 0:
            size += len(chunk)
            too_long = too_long or size > max_line_bytes
            parts = [] if too_long else [*parts, chunk]
            continue
        if too_long or size + end > max_line_bytes:
            yield _too_long(row, offset, size + end, max_line_bytes)
            row, offset = row + 1, offset + size + end + 1
            parts, start = [], end + 1
        else:
            start = 0
        last = chunk.rfind(b"\n")
        if last >= start:
            lines = b"".join([*parts, chunk[start:last]]).split(b"\n")
            yield from _within_limit(Lines(row, offset, lines), max_line_bytes)
            row += len(lines)
            offset += sum(map(len, parts)) + last - start + 1
        rest = chunk[last + 1 :]
        parts, size = [rest], len(rest)
        too_long = size > max_line_bytes
    if damage is not None:
        yield Refused(row, offset, damage.reason, damage.detail)
    elif too_long:
        yield _too_long(row, offset, size, max_line_bytes)
    elif size:
        yield Lines(row, offset, [b"".join(parts)])


def _within_limit(block: Lines, limit: int) -> Iterator[Lines | Refused]:
    """Yield the lines of `block`, with those that are too long as Refused."""
    if max(map(len, block.lines)) <= limit:
        yield block
        return
    row, offset = block.row, block.offset
    for line in block.lines:
        yield _too_long(row, offset, len(line), limit) if len(line) > limit else Lines(row, offset, [line])
        row, offset = row + 1, offset + len(line) + 1


def _too_long(row: int, offset: int, size: int, limit: int) -> Refused:
    return Refused(row, offset, "line_too_long", f"the line has {size:,} bytes; at most {limit:,} are read")


class _Codec(NamedTuple):
    name: str
    new_decoder: Callable[[], Any]
    error_type: type[Exception]
    can_copy: bool


def gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip, of any number of members, padded with zeros or not.

    Raises:
        StreamDamagedError: it ends early or is not gzip, once all that could be decompressed was yielded.
    """
    return _coalesce(_decompress(chunks, _Codec("gzip", lambda: zlib.decompressobj(31), zlib.error, can_copy=True)))


def unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress zstd, of any number of frames, with windows of at most 128 MiB; raises as `gunzip` does.

    Before damage (not truncation), blocks that end in the same chunk as the damage are lost with it.
    """
    new_decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
    return _coalesce(_decompress(chunks, _Codec("zstd", new_decoder, zstandard.ZstdError, can_copy=False)))


def _decompress(chunks: Iterable[bytes], codec: _Codec) -> Iterator[bytes]:
    decoder: Any = None
    for chunk in chunks:
        data = chunk
        while data:
            if decoder is not None and decoder.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
            if decoder is None or decoder.eof:
                decoder = codec.new_decoder()
            before = decoder.copy() if codec.can_copy else None
            try:
                output = decoder.decompress(data)
            except codec.error_type as error:
                if before is not None:
                    yield _salvage(before, data, codec.error_type)
                detail = f"the {codec.name} stream can't be decompressed further: {error}"
                raise StreamDamagedError("damaged", detail) from None
            if output:
                yield output
            data = decoder.unused_data if decoder.eof else b""
    if decoder is None:
        raise StreamDamagedError("truncated", f"the file is empty, so it is no {codec.name} stream")
    if not decoder.eof:
        raise StreamDamagedError("truncated", f"the {codec.name} stream ends early; fetch or write the file again")


def _salvage(decoder: Any, data: bytes, error_type: type[Exception]) -> bytes:
    """Return what precedes the damage in `data`: a failing call drops it, so it is decompressed byte by byte."""
    output = bytearray()
    with contextlib.suppress(error_type):
        for i in range(len(data)):
            output += decoder.decompress(data[i : i + 1])
    return bytes(output)


def _coalesce(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Join small chunks into blocks, and yield what precedes an error before it is raised."""
    parts: list[bytes] = []
    size = 0
    damage: StreamDamagedError | None = None
    while True:
        try:
            chunk = next(chunks, None)
        except StreamDamagedError as error:
            chunk, damage = None, error
        if chunk is None:
            break
        parts.append(chunk)
        size += len(chunk)
        if size >= BLOCK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)
    if damage is not None:
        raise damage
