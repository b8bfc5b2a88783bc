"""The one reader of shards: documents in batches, whatever the format, and proof that the input held still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from datamix.errors import InputError
from datamix.spec.project import Source
from datamix.storage.batch import Batch, Columns, Quarantined, make_batch
from datamix.storage.inputs import BLOCK_BYTES, inspect
from datamix.storage.jsonl import MAX_LINE_BYTES, read_jsonl
from datamix.storage.lines import (
    GZIP_BLOCK_BYTES,
    ZSTD_BLOCK_BYTES,
    StreamDamagedError,
    gunzip,
    split_lines,
    unzstd,
)
from datamix.storage.parquet_input import read_parquet
from datamix.storage.shards import Shard, blocks

BATCH_BYTES = 16_000_000

_VERSION = 2
_RAW_BYTES = {"jsonl": BLOCK_BYTES, "jsonl.gz": GZIP_BLOCK_BYTES, "jsonl.zst": ZSTD_BLOCK_BYTES}
_DECODERS = {"jsonl.gz": gunzip, "jsonl.zst": unzstd}


def definition(source: Source) -> dict[str, Any]:
    """Return, as JSON, all beside the input itself that determines which documents are read from it."""
    return {
        "version": _VERSION,
        "text": source.text,
        "id": source.id,
        "created": source.created,
        "columns": list(source.columns),
    }


class ShardReader:
    """Reads a shard once, in bounded memory: iterate over it for its batches.

    Every row or line of the shard that is not blank is in exactly one batch, as a document or quarantined. Memory: a
    batch, the longest line or value, and what a decompressor gives at once (64 MiB at most; of Parquet, see
    `read_parquet`). A line of JSON takes at most 0.6 GB parsed.

    Attributes:
        content_hash: once all was read, xxh3_128 of the shard's bytes in hexadecimal: it tells later whether a
            compressed file was cut at the end of a line or frame, which nothing else shows. None for Parquet, of which
            only the needed columns are read.
    """

    def __init__(
        self,
        shard: Shard,
        source: Source,
        root: Path,
        *,
        batch_bytes: int = BATCH_BYTES,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        """Prepare to read `shard`.

        Args:
            shard: from `datamix.storage.shards.shards`.
            source: the source that it belongs to.
            root: the project's folder.
            batch_bytes: bytes of lines or columns after which a batch ends; results differ only in where batches end.
            max_line_bytes: longer lines are skipped without being loaded, and quarantined, as are rows of a Parquet
                file with a longer text.
        """
        self.shard, self.source, self.path = shard, source, root / shard.file.path
        self.content_hash: str | None = None
        self._root, self._batch_bytes, self._max_line_bytes = root, batch_bytes, max_line_bytes

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, in the order of rows.

        Raises:
            InputError: the file changed since it was cut into shards; what was yielded must then be discarded.
        """
        shard = self.shard
        if shard.file.error is not None:
            nothing = Columns(pa.array([], pa.int64()), None, pa.array([], pa.large_string()), None, None, {})
            yield make_batch(self.source, nothing, [Quarantined(0, None, "unreadable", shard.file.error)])
            return
        self._check_unchanged()
        if shard.file.kind == "parquet":
            yield from read_parquet(
                self.path,
                self.source,
                start=shard.start,
                stop=shard.stop,
                first_row=shard.first_row,
                batch_bytes=self._batch_bytes,
                max_text_bytes=self._max_line_bytes,
            )
        else:
            yield from self._read_lines()
        self._check_unchanged()

    def _read_lines(self) -> Iterator[Batch]:
        shard, kind = self.shard, self.shard.file.kind
        digest = xxhash.xxh3_128()
        with self.path.open("rb") as file:
            raw = self._raw(file.fileno(), digest, min(_RAW_BYTES[kind], self._batch_bytes))
            chunks = _DECODERS[kind](raw) if kind in _DECODERS else raw
            yield from read_jsonl(
                split_lines(chunks, self._max_line_bytes),
                self.source,
                first_row=shard.first_row,
                first_offset=shard.start if kind == "jsonl" else None,
                batch_bytes=self._batch_bytes,
            )
            for _ in raw:  # what follows the damage of a compressed file belongs to its hash
                pass
        self.content_hash = digest.hexdigest()
        if (shard.content_hash or shard.file.content_hash or self.content_hash) != self.content_hash:
            raise self._changed()

    def _raw(self, descriptor: int, digest: xxhash.xxh3_128, block_bytes: int) -> Iterator[bytes]:
        try:
            for block in blocks(descriptor, self.shard.start, self.shard.stop, self.path, block_bytes):
                digest.update(block)
                yield block
        except OSError as error:
            raise StreamDamagedError(
                "damaged", f"{self.path} can't be read further: {os.strerror(error.errno or 0)}"
            ) from None

    def _check_unchanged(self) -> None:
        """Compare size, times and inode, except for a range, which its own hash protects while the file may grow."""
        file = self.shard.file
        if self.shard.content_hash is None and inspect(self._root, file.path, file.kind, with_hash=False) != replace(
            file, content_hash=None
        ):
            raise self._changed()

    def _changed(self) -> InputError:
        return InputError(
            f"{self.path} changed after it was listed, or while it was read; run again when nothing writes it"
        )
