"""Shards: files cut into units of work, so that a grown file keeps its complete earlier units."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import xxhash

from datamix.errors import InputError
from datamix.spec.project import Source
from datamix.storage.inputs import BLOCK_BYTES, KINDS, InputFile
from datamix.storage.parquet_input import ParquetDamagedError, row_groups

MAX_BYTES = 256_000_000
"""Bytes of input that a shard has at most: of text in Parquet, of the file in plain JSONL."""


@dataclass(frozen=True)
class Shard:
    """One unit of work of a source.

    Args:
        source: its name.
        file: the file that it is a part of.
        index: its place among the shards of the file.
        start, stop: half open: bytes of a JSONL file (all of a compressed one), or row groups of a Parquet file.
        first_row: 0-based line or row of the file with which it begins.
        rows: how many rows a Parquet file's footer says it has; None for JSONL.
        content_hash: xxh3_128 of the bytes start to stop, in hexadecimal, where the file was cut; else None.
        max_bytes: the limit with which the file was cut.
    """

    source: str
    file: InputFile
    index: int
    start: int
    stop: int
    first_row: int
    rows: int | None
    content_hash: str | None
    max_bytes: int

    @property
    def key(self) -> str:
        """A name for the shard's parts, unique in its source: the file's stem, a hash of its path, and the index."""
        name = PurePosixPath(self.file.path).name
        for suffix in KINDS:
            name = name.removesuffix(suffix)
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:38].lstrip("-_") or "file"
        return f"{stem}-{xxhash.xxh3_64_hexdigest(self.file.path.encode())}-{self.index:05d}"

    def identity(self) -> dict[str, Any]:
        """Return, as JSON, what tells that the shard's input is the same as when it was measured.

        A range of a plain file that was cut is known by the hash of its own bytes. Nothing cheaper is sure: once a file
        has grown, its size and times are new, and say nothing about its earlier bytes. The hash costs no extra pass,
        since lines are counted while cutting. So appending leaves all complete ranges of a file as they were, and a
        changed byte spoils only its range. Other shards have the file's size, times and inode, or its hash.
        """
        place = {"kind": self.file.kind, "start": self.start, "stop": self.stop}
        if self.file.error is not None:
            return {**place, "error": self.file.error}
        if self.content_hash is not None:
            return {**place, "first_row": self.first_row, "xxh3_128": self.content_hash}
        if self.file.content_hash is not None:
            return {**place, "size": self.file.size, "xxh3_128": self.file.content_hash}
        stat = ("size", "mtime_ns", "ctime_ns", "inode")
        return {**place, **{name: getattr(self.file, name) for name in stat}}

    def to_json(self) -> dict[str, Any]:
        """Return the shard as JSON, to be read by `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Shard:
        """Return the shard that `to_json` wrote."""
        return cls(**{**record, "file": InputFile(**record["file"])})


def shards(
    files: Sequence[InputFile], source: Source, root: Path, max_bytes: int = MAX_BYTES, known: Iterable[Shard] = ()
) -> list[Shard]:
    """Cut the files of a source into shards, in order; each file gives at least one.

    Parquet: consecutive row groups of at most `max_bytes` of text together. Plain JSONL: ranges that end at the last
    newline within `max_bytes`, or at the first one after. Compressed JSONL: the whole file. A file that can't be
    read (error set, or a Parquet file without valid footer) is one shard with an error.

    Args:
        files: as `discover` found them.
        source: its columns are looked for in Parquet files.
        root: the project's folder.
        max_bytes: the limit of a shard.
        known: shards of earlier runs; where they are all ranges of a plain file that did not change since, they are
            returned without reading it.

    Raises:
        InputError: a Parquet file lacks a column of the source, or a file changed meanwhile.
    """
    earlier: dict[InputFile, set[Shard]] = {}
    for shard in known:
        if shard.source == source.name and shard.max_bytes == max_bytes and shard.content_hash is not None:
            earlier.setdefault(shard.file, set()).add(shard)
    result: list[Shard] = []
    for file in files:
        ranges = sorted(earlier.get(file, ()), key=lambda shard: shard.start)
        result.extend(ranges if _whole(ranges, file.size) else _cut(file, source, root, max_bytes))
    return result


def _whole(ranges: Sequence[Shard], size: int) -> bool:
    """Return whether the ranges of a file are all of it: a run that was killed has committed some of them only."""
    ends = [0, *(shard.stop for shard in ranges)]
    return (
        bool(ranges) and ends[-1] == size and all(shard.start == end for shard, end in zip(ranges, ends, strict=False))
    )


def _cut(file: InputFile, source: Source, root: Path, max_bytes: int) -> Iterator[Shard]:
    whole = Shard(source.name, file, 0, 0, file.size, 0, None, None, max_bytes)
    if file.error is not None:
        yield whole
    elif file.kind == "parquet":
        try:
            groups = row_groups(root / file.path, source)
        except ParquetDamagedError as error:
            yield replace(whole, file=replace(file, error=str(error)))
            return
        row = 0
        for i, (start, stop) in enumerate(_pack([group.text_bytes for group in groups], max_bytes)):
            rows = sum(group.rows for group in groups[start:stop])
            yield replace(whole, index=i, start=start, stop=stop, first_row=row, rows=rows)
            row += rows
    elif file.kind == "jsonl" and file.size > max_bytes:
        yield from _cut_lines(whole, root / file.path)
    else:
        yield whole


def _pack(sizes: list[int], limit: int) -> Iterator[tuple[int, int]]:
    """Yield half-open stretches of `sizes` whose sum is at most `limit`, or that hold one; at least one stretch."""
    start, total = 0, 0
    for i, size in enumerate(sizes):
        if i > start and total + size > limit:
            yield start, i
            start, total = i, 0
        total += size
    yield start, len(sizes)


def _cut_lines(whole: Shard, path: Path) -> Iterator[Shard]:
    """Cut a plain file at newlines, and count the lines and hash the bytes of each range."""
    start, row, index = 0, 0, 0
    with path.open("rb") as file:
        while start < whole.stop:
            stop = _cut_after(file.fileno(), start, start + whole.max_bytes, whole.stop)
            digest, newlines = xxhash.xxh3_128(), 0
            for block in blocks(file.fileno(), start, stop, path):
                digest.update(block)
                newlines += block.count(b"\n")
            yield replace(whole, index=index, start=start, stop=stop, first_row=row, content_hash=digest.hexdigest())
            start, row, index = stop, row + newlines, index + 1


def _cut_after(descriptor: int, start: int, limit: int, size: int) -> int:
    """Return where the range that begins at `start` ends: on nothing past `limit` if a newline precedes it."""
    if limit >= size:
        return size
    position = limit
    while position > start:
        low = max(start, position - BLOCK_BYTES)
        found = os.pread(descriptor, position - low, low).rfind(b"\n")
        if found >= 0:
            return low + found + 1
        position = low
    position = limit
    while position < size and (block := os.pread(descriptor, min(BLOCK_BYTES, size - position), position)):
        found = block.find(b"\n")
        if found >= 0:
            return position + found + 1
        position += len(block)
    return size


def blocks(descriptor: int, start: int, stop: int, path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the bytes start to stop of an open file, in blocks.

    Raises:
        InputError: the file ends earlier.
    """
    while start < stop:
        block = os.pread(descriptor, min(block_bytes, stop - start), start)
        if not block:
            raise InputError(f"{path} became shorter while it was read; run again when it is complete")
        yield block
        start += len(block)
