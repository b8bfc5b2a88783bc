"""The sequences of one output shard: what the task that writes it knows, and the tokens in it, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datamix.errors import StoreError
from datamix.export.pieces import Int64s, Order, Pieces, cut
from datamix.export.uses import read_uses
from datamix.kernels.gather import copy_spans
from datamix.storage.token_cache import TokenCache

BATCH_BYTES = 16 * 1024**2
"""About what a task holds in memory at once, of token ids or of text."""
_OPEN_CACHES = 256

Caches = Callable[[str, str], TokenCache]
"""Opens the token cache of (source, shard); picklable, since workers call it."""


@dataclass(frozen=True)
class ShardTask:
    """All that writing one output shard needs, as a picklable value.

    Args:
        path: the file to write.
        format: name of its format.
        uses: the plan's uses.
        row_groups: the row groups of `uses` that this shard needs.
        caches: opens token caches.
        cache_tokenizer: hash of the tokenizer that the caches must be of.
        components: the plan's, in order.
        sequence_length: in tokens.
        first_sequence: number of the shard's first sequence.
        order: uint16 [n], the component of each of its sequences.
        drawn: int64 [K], sequences of each component before this shard.
        dtype: of the plan's token ids: uint8, uint16 or uint32.
    """

    path: Path
    format: str
    uses: Path
    row_groups: tuple[int, ...]
    caches: Caches
    cache_tokenizer: str
    components: tuple[str, ...]
    sequence_length: int
    first_sequence: int
    order: Order
    drawn: Int64s
    dtype: str


@dataclass(frozen=True)
class Batch:
    """A run of consecutive sequences.

    Args:
        first_sequence: number of the first in the plan.
        component: uint16 [n].
        phase: int64 [n], a number in `Shard.phases`.
        pieces: what fills them.
    """

    first_sequence: int
    component: Order
    phase: Int64s
    pieces: Pieces


class Shard:
    """Reads the content of one output shard.

    Args:
        task: which.

    Attributes:
        task: as given.
        uses: the table of uses that touch the shard, with the columns of USES; `Pieces.use` counts in it.
        phases: names of the phases in it.
        counts: int64 [phases, components, 3]: sequences, tokens and beginning documents of all batches so far.
    """

    def __init__(self, task: ShardTask) -> None:
        self.task = task
        drawn_after = task.drawn + np.bincount(task.order, minlength=len(task.components))
        self.uses, self._lines = read_uses(
            task.uses,
            task.row_groups,
            task.components,
            task.drawn * task.sequence_length,
            drawn_after * task.sequence_length,
        )
        self.phases, self._phase_of_use = _encode(self.uses["phase"])
        caches = pc.binary_join_element_wise(self.uses["source"], self.uses["shard"], "/")
        names, self._cache_of_use = _encode(caches)
        self._row_of_use = np.asarray(self.uses["shard_row"].to_numpy(), dtype=np.int64)
        self.counts = np.zeros((len(self.phases), len(task.components), 3), np.int64)
        # Not a method of this object: in a cycle of references the maps would outlive the task.
        self._open = lru_cache(maxsize=_OPEN_CACHES)(partial(_open_cache, task, names))

    def batches(self) -> Iterator[Batch]:
        """Yield the shard's sequences, about BATCH_BYTES of ids at a time.

        Raises:
            StoreError: the plan's uses do not fit its order.
        """
        task = self.task
        step = max(1, BATCH_BYTES // (task.sequence_length * np.dtype(task.dtype).itemsize))
        drawn = task.drawn
        for start in range(0, len(task.order), step):
            order = task.order[start : start + step]
            first = task.first_sequence + start
            pieces = cut(order, first, drawn, self._lines, task.sequence_length)
            phase = self._phase_of_use[pieces.use]
            phase_of_row = phase[np.searchsorted(pieces.row, np.arange(len(order)))]
            if (phase != phase_of_row[pieces.row]).any():
                raise StoreError(f"{task.uses}: a sequence lies in two phases; run `datamix mix plan` again")
            self._count(order, phase_of_row, pieces)
            yield Batch(first, order, phase_of_row, pieces)
            drawn = drawn + np.bincount(order, minlength=len(drawn))

    def gather(self, use: Int64s, start: Int64s, length: Int64s, target: Int64s, out: npt.NDArray[np.uint8]) -> None:
        """Copy stretches of documents from their token caches.

        Args:
            use: int64 [n], numbers of uses, which say the documents.
            start: int64 [n], first token in the document.
            length: int64 [n], in tokens.
            target: int64 [n], where it goes in `out`, in tokens.
            out: uint8, the bytes of the array that is filled; all targets lie inside.

        Raises:
            StoreError: a cache is missing, damaged, of another tokenizer, or shorter than the plan says.
        """
        for cache, chosen in self._by_cache(use):
            first, tokens = cache.spans(self._row_of_use[use[chosen]])
            if (start[chosen] + length[chosen] > tokens).any():
                raise StoreError(
                    f"the token cache {cache.path} has shorter documents than the plan knows; "
                    "run `datamix mix plan` again"
                )
            width = cache.all_ids.itemsize
            copy_spans(
                cache.all_ids.view(np.uint8),
                (first + start[chosen]) * width,
                target[chosen] * width,
                length[chosen] * width,
                out,
            )

    def document_tokens(self, use: Int64s) -> Int64s:
        """Return the lengths of the whole documents of these uses, in tokens of their caches: int64 [n]."""
        tokens = np.zeros(len(use), np.int64)
        for cache, chosen in self._by_cache(use):
            tokens[chosen] = cache.spans(self._row_of_use[use[chosen]])[1]
        return tokens

    def _by_cache(self, use: Int64s) -> Iterator[tuple[TokenCache, Int64s]]:
        """Yield each cache with the places in `use` that it serves."""
        caches = self._cache_of_use[use]
        by_cache = np.argsort(caches, kind="stable")
        bounds = np.flatnonzero(np.diff(caches[by_cache], prepend=-1, append=-1))
        for i in range(len(bounds) - 1):
            chosen = by_cache[bounds[i] : bounds[i + 1]]
            yield self._open(int(caches[chosen[0]])), chosen

    def _count(self, order: Order, phase_of_row: Int64s, pieces: Pieces) -> None:
        components = len(self.task.components)
        of_row = phase_of_row * components + order
        of_piece = of_row[pieces.row]
        size = self.counts[..., 0].size
        counts = (
            np.bincount(of_row, minlength=size),
            np.bincount(of_piece, weights=pieces.tokens, minlength=size).astype(np.int64),  # exact below 2**53
            np.bincount(of_piece[pieces.doc_offset == 0], minlength=size),
        )
        self.counts += np.stack(counts, axis=-1).reshape(self.counts.shape)


def _encode(column: pa.ChunkedArray) -> tuple[list[str], Int64s]:
    """Return the distinct values of a column, and the number of each row's value: int64 [rows]."""
    encoded = pa.chunked_array(column, column.type).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def _open_cache(task: ShardTask, names: list[str], number: int) -> TokenCache:
    source, shard = names[number].split("/")
    cache = task.caches(source, shard)
    if cache.tokenizer_hash != task.cache_tokenizer:
        raise StoreError(
            f"the token cache {cache.path} is of the tokenizer {cache.tokenizer_hash[:16]}, the plan counts in "
            f"{task.cache_tokenizer[:16]}; run `datamix run` with the tokenizer that the mixture names"
        )
    return cache
