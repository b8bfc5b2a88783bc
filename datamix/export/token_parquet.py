"""Token shards as Parquet: one row per sequence, in the order of the plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datamix.export.formats import Format
from datamix.export.pieces import Int64s
from datamix.export.shard import Batch, Shard

_COMPRESSION_LEVEL = 3


def schema(dtype: str) -> pa.Schema:
    """Return the columns of a token shard.

    `documents` lists the stretches of documents that fill the sequence, in order, for attention masks and for
    tracing: its tokens sum to the sequence's length; `offset` is where the stretch begins in its document.
    """
    document = pa.struct(
        [
            pa.field("doc_id", pa.binary(16), nullable=False),
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("tokens", pa.int64(), nullable=False),
        ]
    )
    return pa.schema(
        [
            pa.field("sequence", pa.int64(), nullable=False),
            pa.field("component", pa.string(), nullable=False),
            pa.field("phase", pa.string(), nullable=False),
            pa.field("tokens", pa.list_(pa.field("element", _ARROW[dtype], nullable=False)), nullable=False),
            pa.field("documents", pa.list_(pa.field("element", document, nullable=False)), nullable=False),
        ]
    )


def write(shard: Shard, temporary: Path) -> None:
    """Write one token shard: one row group per batch of sequences.

    Raises:
        StoreError: the plan and the token caches do not fit each other.
    """
    dictionary = ["component", "phase"]
    if shard.task.dtype == "uint8":
        dictionary.append("tokens.list.element")  # Parquet stores bytes as 32 bits; its other codings keep most of them
    with pq.ParquetWriter(
        temporary,
        schema(shard.task.dtype),
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=dictionary,
        write_page_checksum=True,
        version="2.6",
    ) as writer:
        for batch in shard.batches():
            writer.write_table(_table(shard, batch), row_group_size=len(batch.component))


def _table(shard: Shard, batch: Batch) -> pa.Table:
    task, pieces, sequences = shard.task, batch.pieces, len(batch.component)
    ids = np.empty(sequences * task.sequence_length, task.dtype)
    target = pieces.row * task.sequence_length + pieces.at
    shard.gather(pieces.use, pieces.doc_offset, pieces.tokens, target, ids.view(np.uint8))
    documents = pa.StructArray.from_arrays(
        [
            shard.uses["doc_id"].combine_chunks().take(pa.array(pieces.use)),
            pa.array(pieces.doc_offset),
            pa.array(pieces.tokens),
        ],
        fields=list(schema(task.dtype).field("documents").type.value_type),
    )
    piece_ends = np.searchsorted(pieces.row, np.arange(sequences + 1))
    token_ends = np.arange(sequences + 1) * task.sequence_length
    types = schema(task.dtype)
    return pa.Table.from_arrays(
        [
            pa.array(batch.first_sequence + np.arange(sequences)),
            pa.array(task.components).take(pa.array(batch.component)),
            pa.array(shard.phases).take(pa.array(batch.phase)),
            pa.ListArray.from_arrays(_int32(token_ends), pa.array(ids), type=types.field("tokens").type),
            pa.ListArray.from_arrays(_int32(piece_ends), documents, type=types.field("documents").type),
        ],
        schema=types,
    )


def _int32(offsets: Int64s) -> pa.Array:
    return pa.array(offsets.astype(np.int32))


_ARROW = {"uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32()}

PARQUET = Format(
    name="parquet",
    content="token ids: one row per sequence, all sequences of the plan, in its order",
    prefix="tokens",
    suffix=".parquet",
    text=False,
    write=write,
)
