"""The duplicates task: verified pairs over all documents; texts are read only where signatures leave doubt."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from datamix.dedup.edges import find_edges
from datamix.dedup.exact import distinct_rows, exact_groups
from datamix.dedup.jaccard import Rows
from datamix.dedup.keepers import preference_rank
from datamix.document import ID
from datamix.pipeline.measure import single_chunk
from datamix.pipeline.wide import ShardParts, shard_table
from datamix.signals.signatures import signature_matrix
from datamix.spec.project import Near, Source
from datamix.storage.parts import Part, read_part, write_part
from datamix.storage.reader import ShardReader
from datamix.storage.shards import Shard

Mask = npt.NDArray[np.bool_]

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
        path: of the part to write.
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
    """The part with the edges, and how much text was read to decide pairs in doubt."""

    part: Part
    texts_read: int
    seconds: float


def write_edges(task: DuplicatesTask) -> DuplicatesResult:
    """Find the pairs of duplicates and write them, sorted by the documents' ids."""
    started = time.perf_counter()
    keys = pa.concat_tables([read_part(task.store, path, ["doc_id", "text_hash"]) for path in task.wide])
    rank = preference_rank(pl.DataFrame({n: keys[n].cast(pa.binary()) for n in ("doc_id", "text_hash")}), ())
    group = exact_groups(single_chunk(keys["text_hash"]))
    compared = distinct_rows(group, rank)
    texts = _Texts(task, compared)
    frames = [_copies(keys, group, compared)]
    if task.near is not None:
        near = find_edges(*_signatures(task, task.near, compared, texts.total), task.near, texts)
        frames.append(_frame(keys, compared[near.a], compared[near.b], "near", near.jaccard, near.exact))
    table = pl.concat(frames).sort("a", "b").to_arrow().cast(EDGES_SCHEMA)
    part = write_part(task.store, task.path, table)
    return DuplicatesResult(part, texts.count, time.perf_counter() - started)


def _copies(keys: pa.Table, group: Rows, compared: Rows) -> pl.DataFrame:
    """Return an edge from the representative of each text to each of its copies."""
    representative = np.empty(group.max(initial=-1) + 1, np.int64)
    representative[group[compared]] = compared
    of_each = representative[group]
    copies = np.flatnonzero(of_each != np.arange(len(group)))
    ones = np.ones(len(copies), np.float32)
    return _frame(keys, of_each[copies], copies, "exact", ones, ones.astype(np.bool_))


def _signatures(
    task: DuplicatesTask, near: Near, documents: Rows, total: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32]]:
    """Return signatures and shingle counts of `documents`, numbers among all `total` of them, in that order."""
    signatures = np.empty((len(documents), near.permutations), np.uint32)
    shingles = np.empty(len(documents), np.int32)
    place = np.full(total, -1, np.int64)
    place[documents] = np.arange(len(documents))
    start = 0
    for _, _, parts in task.shards:
        table = shard_table(task.store, parts, {"signatures": ("signature", "shingles")}, task.sample)
        here = place[start : start + table.num_rows]
        start += table.num_rows
        chosen = here >= 0
        signatures[here[chosen]] = signature_matrix(single_chunk(table["signature"]))[chosen]
        shingles[here[chosen]] = table["shingles"].to_numpy()[chosen]
    return signatures, shingles


class _Texts:
    """Reads the texts of documents by their number: what `find_edges` asks for pairs in doubt."""

    def __init__(self, task: DuplicatesTask, documents: Rows) -> None:
        self.count = 0
        self._task, self._documents = task, documents
        self._rows = [
            np.asarray(shard_table(task.store, parts, {"documents": ("row",)}, task.sample)["row"])
            for _, _, parts in task.shards
        ]
        self._starts = np.concatenate(([0], np.cumsum([len(rows) for rows in self._rows])))
        self.total = int(self._starts[-1])

    def __call__(self, rows: Rows) -> pa.LargeStringArray:
        numbers = self._documents[rows]
        self.count += len(numbers)
        by_number = np.argsort(numbers, kind="stable")
        found: list[pa.Array] = []
        for i in np.unique(np.searchsorted(self._starts, numbers, side="right") - 1):
            source, shard, _ = self._task.shards[i]
            inside = numbers[by_number]
            inside = inside[(inside >= self._starts[i]) & (inside < self._starts[i + 1])] - self._starts[i]
            wanted = pa.array(self._rows[i][inside])
            for batch in ShardReader(shard, source.text_only(), self._task.root):
                mask = pc.is_in(batch.documents.column("row"), wanted)
                found.append(batch.documents.column("text").filter(mask))
        back = np.empty(len(numbers), np.int64)
        back[by_number] = np.arange(len(numbers))
        return pa.concat_arrays(found).take(pa.array(back))


def _frame(keys: pa.Table, a: Rows, b: Rows, kind: str, jaccard: npt.NDArray[np.float32], exact: Mask) -> pl.DataFrame:
    ids = keys["doc_id"].cast(pa.binary())
    return pl.DataFrame(
        {
            "a": ids.take(pa.array(a)),
            "b": ids.take(pa.array(b)),
            "kind": pl.repeat(kind, len(a), dtype=pl.String, eager=True),
            "jaccard": pl.Series(jaccard, dtype=pl.Float32),
            "verified": pl.Series(np.where(exact, "text", "signature"), dtype=pl.String),
        }
    )
