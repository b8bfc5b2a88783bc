"""The duplicates task: verified pairs over all documents; texts are read only where signatures leave doubt."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from datamix.dedup.edges import find_pairs
from datamix.dedup.exact import distinct_rows, exact_groups
from datamix.dedup.jaccard import Rows, distinct
from datamix.dedup.keepers import preference_rank
from datamix.dedup.scratch import collect_sets
from datamix.document import ID
from datamix.pipeline.measure import single_chunk
from datamix.pipeline.wide import ShardParts, shard_table
from datamix.signals.signatures import signature_matrix
from datamix.spec.project import Near, Source
from datamix.storage.parts import ROW_GROUP_ROWS, Part, PartWriter, read_part, write_part
from datamix.storage.reader import ShardReader
from datamix.storage.shards import Shard

Mask = npt.NDArray[np.bool_]

EDGES_VERSION = 2
"""Changes with the code that finds edges: those of another version are not reused."""

EDGES_SCHEMA = pa.schema(
    [
        pa.field("a", ID, nullable=False),
        pa.field("b", ID, nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("jaccard", pa.float32(), nullable=False),
        pa.field("verified", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class DuplicatesTask:
    """All that a worker needs to find the pairs of duplicates of a store.

    Args:
        root: the project's folder, for the texts of pairs in doubt.
        store: the store's folder.
        path: of the part with the edges to write.
        wide: the wide parts, in order.
        shards: (source, shard, parts) in the same order of documents.
        near: what near-duplicates are, or None.
        sample: the share of the documents, or None.
    """

    root: Path
    store: Path
    path: str
    wide: tuple[str, ...]
    shards: tuple[tuple[Source, Shard, ShardParts], ...]
    near: Near | None
    sample: Fraction | None


@dataclass(frozen=True)
class DuplicatesResult:
    """The parts: edges, and signatures where near-duplicates are wanted. How much text was read for pairs in doubt."""

    parts: tuple[Part, ...]
    texts_read: int
    seconds: float


def signatures_path(edges: str) -> str:
    """Return the path of the signatures beside a part with edges: of documents not compared with all others."""
    return edges.removesuffix(".parquet") + "-signatures.parquet"


def write_edges(task: DuplicatesTask) -> DuplicatesResult:
    """Find the pairs of duplicates and write them, sorted by the documents' ids."""
    started = time.perf_counter()
    keys = pa.concat_tables([read_part(task.store, path, ["doc_id", "text_hash"]) for path in task.wide])
    rank = preference_rank(pl.DataFrame({n: keys[n].cast(pa.binary()) for n in ("doc_id", "text_hash")}), ())
    group = exact_groups(single_chunk(keys["text_hash"]))
    compared = distinct_rows(group, rank)
    ids = single_chunk(keys["doc_id"])
    frames = [_copies(ids, group, compared)]
    parts, texts_read = [], 0
    if task.near is not None:
        signatures, shingles, rows = _measured(task, task.near, compared, len(keys))
        pairs = find_pairs(signatures, shingles, task.near)
        doubt = pairs.in_doubt()
        texts = _texts(task, compared, rows, doubt)
        sets = collect_sets(texts, task.near.ngram, len(doubt), (task.store / task.path).parent)
        near = pairs.decide(task.near.threshold, *sets)
        texts_read = len(doubt)
        frames.append(_frame(ids, compared[near.a], compared[near.b], "near", near.jaccard, near.exact))
        signed = distinct(np.concatenate((near.a, near.b)))
        signed = signed[pairs.crowded[signed]]
        parts.append(_write_signatures(task, ids.take(pa.array(compared[signed])), signatures, signed))
    table = pl.concat(frames).sort("a", "b").to_arrow().cast(EDGES_SCHEMA)
    parts.insert(0, write_part(task.store, task.path, table))
    return DuplicatesResult(tuple(parts), texts_read, time.perf_counter() - started)


def _copies(ids: pa.Array, group: Rows, compared: Rows) -> pl.DataFrame:
    """Return an edge from the representative of each text to each of its copies."""
    representative = np.empty(group.max(initial=-1) + 1, np.int64)
    representative[group[compared]] = compared
    of_each = representative[group]
    copies = np.flatnonzero(of_each != np.arange(len(group)))
    ones = np.ones(len(copies), np.float32)
    return _frame(ids, of_each[copies], copies, "exact", ones, ones.astype(np.bool_))


def _measured(
    task: DuplicatesTask, near: Near, documents: Rows, total: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32], list[Rows]]:
    """Return signatures and shingle counts of `documents`, numbers among all `total` of them, in that order.

    And, for each shard, the rows of all its documents.
    """
    signatures = np.empty((len(documents), near.permutations), np.uint32)
    shingles = np.empty(len(documents), np.int32)
    rows: list[Rows] = []
    place = np.full(total, -1, np.int64)
    place[documents] = np.arange(len(documents))
    start = 0
    wanted = {"documents": ("row",), "signatures": ("signature", "shingles")}
    for _, _, parts in task.shards:
        table = shard_table(task.store, parts, wanted, task.sample)
        rows.append(table["row"].to_numpy())
        here = place[start : start + table.num_rows]
        start += table.num_rows
        chosen = here >= 0
        signatures[here[chosen]] = signature_matrix(single_chunk(table["signature"]))[chosen]
        shingles[here[chosen]] = table["shingles"].to_numpy()[chosen]
    return signatures, shingles, rows


def _texts(
    task: DuplicatesTask, documents: Rows, rows: Sequence[Rows], doubt: Rows
) -> Iterator[tuple[Rows, pa.LargeStringArray]]:
    """Yield the numbers in `doubt` and their texts, batch by batch: each shard that has some is read once.

    Args:
        task: the shards.
        documents: int64 [n], each number's place among all documents, which lie shard after shard.
        rows: for each shard, the rows of all its documents, ascending.
        doubt: int64 [k], numbers.
    """
    by_place = doubt[np.argsort(documents[doubt])]
    starts = np.cumsum([0, *map(len, rows)])
    ends = np.searchsorted(documents[by_place], starts)
    for i, (source, shard, _) in enumerate(task.shards):
        numbers = by_place[ends[i] : ends[i + 1]]
        if not len(numbers):
            continue
        wanted = rows[i][documents[numbers] - starts[i]]
        for batch in ShardReader(shard, source.text_only(), task.root):
            there = batch.documents.column("row").to_numpy()
            chosen = np.isin(there, wanted, assume_unique=True)
            found = numbers[np.searchsorted(wanted, there[chosen])]
            yield found, batch.documents.column("text").filter(pa.array(chosen))


def _write_signatures(task: DuplicatesTask, ids: pa.Array, signatures: npt.NDArray[np.uint32], rows: Rows) -> Part:
    """Write the signatures in some `rows`, those of the documents `ids`, sorted by id: what an election needs."""
    order = pl.Series(ids.cast(pa.binary())).arg_sort().to_numpy()
    kind = pa.binary(4 * signatures.shape[1])
    schema = pa.schema([pa.field("doc_id", ID, nullable=False), pa.field("signature", kind, nullable=False)])
    with PartWriter(task.store, signatures_path(task.path), schema) as writer:
        for start in range(0, len(order), ROW_GROUP_ROWS):
            some = order[start : start + ROW_GROUP_ROWS]
            values = pa.py_buffer(signatures[rows[some]])
            column = pa.FixedSizeBinaryArray.from_buffers(kind, len(some), [None, values])
            writer.write(pa.Table.from_arrays([ids.take(pa.array(some)), column], schema=schema))
    return writer.part


def _frame(ids: pa.Array, a: Rows, b: Rows, kind: str, jaccard: npt.NDArray[np.float32], exact: Mask) -> pl.DataFrame:
    ids = ids.cast(pa.binary())
    return pl.DataFrame(
        {
            "a": ids.take(pa.array(a)),
            "b": ids.take(pa.array(b)),
            "kind": pl.repeat(kind, len(a), dtype=pl.String, eager=True),
            "jaccard": pl.Series(jaccard, dtype=pl.Float32),
            "verified": pl.Series(np.where(exact, "text", "signature"), dtype=pl.String),
        }
    )
