"""The sampling line of a component: its documents in the order in which training uses them, epoch after epoch.

In each epoch the documents lie in the order of a keyed hash of their id, the mixture's seed and the epoch (see
`line_keys`), so no document repeats before all were used, and nothing but the document decides its place: not the
component's name, not what else is mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.errors import StoreError
from datamix.kernels.order import line_keys

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stretches:
    """Pieces of a line, in its order; all arrays are int64 [n].

    Args:
        document: row of the document in the table that the line was made from.
        epoch: how often all documents were used before.
        phase: number of the phase.
        offset: first token taken, counted in the document.
        tokens: tokens taken.
        start: place of the first token on the line.
    """

    document: Ints
    epoch: Ints
    phase: Ints
    offset: Ints
    tokens: Ints
    start: Ints


class SamplingLine:
    """A component's documents, to be laid out again for each epoch.

    Args:
        documents: columns doc_id (16 bytes) and tokens; documents without tokens are never used.
        seed: the mixture's.

    Raises:
        StoreError: doc_id is not 16 bytes long everywhere, or a value is missing.
    """

    def __init__(self, documents: pa.Table, seed: int) -> None:
        tokens = _whole_column(documents, "tokens", pa.int64())
        ids = _whole_column(documents, "doc_id", pa.binary(16))
        counts = np.asarray(tokens)
        data = ids.buffers()[1]
        halves = np.frombuffer(data if data is not None else b"", "<u8").reshape(-1, 2)[ids.offset :][: len(ids)]
        used = np.flatnonzero(counts > 0)
        # Sorted by id first, so that equal keys can't make the order of the input matter.
        self._rows = used[np.lexsort((halves[used, 0], halves[used, 1]))]
        self._ids = np.ascontiguousarray(halves[self._rows], np.uint64)
        self._counts = counts[self._rows]
        self._seed = np.uint64(seed)
        self.tokens = int(self._counts.sum())

    def epoch(self, epoch: int) -> tuple[Ints, Ints]:
        """Return the line of one epoch: rows of documents in its order, and their tokens, both int64 [n]."""
        keys = np.empty(len(self._rows), np.uint64)
        line_keys(self._ids, self._seed, np.uint64(epoch), keys)
        order = np.argsort(keys, kind="stable")
        return self._rows[order], self._counts[order]

    def stretches(self, phase_ends: Ints) -> Stretches:
        """Cut the endlessly repeated line where documents, epochs and phases end.

        Args:
            phase_ends: int64 [n_phases], where each phase's part of the line ends, in tokens; phases follow each other.
        """
        parts: list[list[Ints]] = []
        total = int(phase_ends[-1])
        for epoch in range(-(-total // self.tokens) if total else 0):
            rows, counts = self.epoch(epoch)
            base = epoch * self.tokens
            ends = base + np.cumsum(counts)
            starts = ends - counts
            inner = np.unique(phase_ends[(phase_ends > base) & (phase_ends < min(ends[-1], total))])
            # Both are sorted and phases few, so this is far cheaper than to sort all again.
            starts = starts[: np.searchsorted(starts, total)]
            inside = inner[ends[np.searchsorted(ends, inner)] != inner]
            cuts = np.insert(starts, np.searchsorted(starts, inside), inside)
            document = np.searchsorted(ends, cuts, side="right")
            phase = np.searchsorted(phase_ends, cuts, side="right")
            length = np.diff(cuts, append=min(ends[-1], total))
            parts.append([rows[document], np.full_like(cuts, epoch), phase, cuts - starts[document], length, cuts])
        columns = zip(*parts, strict=True) if parts else [[np.zeros(0, np.int64)]] * 6
        return Stretches(*(np.concatenate(column) for column in columns))


def _whole_column(documents: pa.Table, name: str, of_type: pa.DataType) -> pa.Array:
    try:
        chunks = documents[name].cast(of_type).chunks
    except pa.ArrowInvalid as error:
        raise StoreError(f"the column {name!r} of a component's documents is not {of_type}: {error}") from None
    column = pa.concat_arrays(chunks) if chunks else pa.array([], of_type)
    if column.null_count:
        raise StoreError(f"{column.null_count} values of {name!r} are missing among a component's documents")
    return column
