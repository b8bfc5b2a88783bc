"""Text shards as JSONL.zst: whole documents, in the order of their first token in each epoch of the plan."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import zstandard

from datamix.errors import StoreError
from datamix.export.formats import Format
from datamix.export.pieces import Int64s
from datamix.export.shard import BATCH_BYTES, Batch, Shard

_COMPRESSION_LEVEL = 3


def write(shard: Shard, temporary: Path) -> None:
    """Write one text shard: a line for each document that begins in one of the shard's sequences.

    Raises:
        StoreError: the plan and the token caches do not fit each other, or a text is not UTF-8.
    """
    # The checksum makes a cut or damaged file an error for its reader; frames without are silently short.
    compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL, write_checksum=True)
    with temporary.open("xb") as file, compressor.stream_writer(file, closefd=False) as stream:
        for batch in shard.batches():
            for lines in _lines(shard, batch):
                stream.write(lines)


def _lines(shard: Shard, batch: Batch) -> Iterator[bytes]:
    """Yield JSON lines, about BATCH_BYTES of text at a time."""
    pieces = batch.pieces
    begins = np.flatnonzero(pieces.doc_offset == 0)
    lengths = shard.document_tokens(pieces.use[begins])
    ends = np.cumsum(lengths)
    start = 0
    while start < len(begins):
        read = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, read + BATCH_BYTES)))
        chosen = begins[start:stop]
        yield _json(shard, batch, pieces.use[chosen], pieces.row[chosen], lengths[start:stop])
        start = stop


def _json(shard: Shard, batch: Batch, use: Int64s, row: Int64s, lengths: Int64s) -> bytes:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    data = np.empty(offsets[-1], np.uint8)
    shard.gather(use, np.zeros_like(lengths), lengths, offsets[:-1], data)
    texts = pa.LargeStringArray.from_buffers(len(use), pa.py_buffer(offsets), pa.py_buffer(data))
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        raise StoreError(
            f"the token caches of sequences {batch.first_sequence:,} and following hold text that is not UTF-8; "
            "delete them and run `datamix run` again"
        ) from None
    uses = shard.uses.select(["doc_id", "epoch"]).take(pa.array(use))
    frame = pl.DataFrame(
        {
            "doc_id": pl.Series(uses["doc_id"].cast(pa.binary())).bin.encode("hex"),
            "text": pl.Series(texts),
            "component": pl.Series(pa.array(shard.task.components).take(pa.array(batch.component[row]))),
            "phase": pl.Series(pa.array(shard.phases).take(pa.array(batch.phase[row]))),
            "epoch": pl.Series(uses["epoch"]),
            "sequence": batch.first_sequence + row,
        }
    )
    out = io.BytesIO()
    frame.write_ndjson(out)
    return out.getvalue()


JSONL = Format(
    name="jsonl",
    content=(
        "text: one line per document and epoch, whole, where its first token stands in the plan; tokens are counted "
        "by phase as the plan draws them, so a document that goes on in a later phase, or is cut where its "
        "component's line ends, stands once, whole"
    ),
    prefix="text",
    suffix=".jsonl.zst",
    text=True,
    write=write,
)
