"""Which document a plan uses, in which phase and epoch, and in which sequences: the rows of the view `uses`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from datamix.errors import StoreError
from datamix.mixtures.line import Ints, SamplingLine, Stretches
from datamix.mixtures.plan import Plan

READ = 1 << 22  # sequences of the order that are looked at together: 8 MB, and 32 MB of their numbers


def uses(plan: Plan, documents: Mapping[str, pa.Table]) -> pa.Table:
    """Return a row for each stretch of a document that one phase takes in one epoch.

    Args:
        plan: the plan.
        documents: for each of its components a table with the columns doc_id (16 bytes), tokens, source, shard and
            shard_row, in any order of rows.

    Returns:
        Columns component and phase (dictionaries of string), epoch (int32, from 0), doc_id (fixed_size_binary(16)),
        source, shard (string), shard_row (int32), doc_offset (int64, first token taken), tokens (int64), line_start
        (int64, place on the component's line, in tokens), first_sequence and last_sequence (int64, in the whole run,
        inclusive). The j-th sequence of a component holds the tokens from j L to (j + 1) L of its line, so documents
        are cut at the ends of sequences. Rows are sorted by component, as the plan lists them, and line_start. For each
        component and phase, tokens sum to sequences times L.

    Raises:
        StoreError: a component's documents have other tokens in sum than the plan's stock.
    """
    lines = [_stretches(plan, number, documents[name]) for number, name in enumerate(plan.components)]
    spans = _Spans(plan, lines)
    for phase_numbers in _order(plan):
        spans.place(phase_numbers)
    tables = [
        _table(plan, number, documents[name], lines[number], spans) for number, name in enumerate(plan.components)
    ]
    return pa.concat_tables(tables).unify_dictionaries()


def _stretches(plan: Plan, number: int, documents: pa.Table) -> Stretches:
    line = SamplingLine(documents, plan.mixture.seed)
    name = plan.components[number]
    if line.tokens != plan.stock[name]:
        raise StoreError(
            f"component {name!r} has documents of {line.tokens:,} tokens, but the plan was made for "
            f"{plan.stock[name]:,}; plan again with `datamix mix plan`"
        )
    sequences = [phase.sequences[number] for phase in plan.phases]
    return line.stretches(np.cumsum(sequences, dtype=np.int64) * plan.sequence_length)


def _order(plan: Plan) -> Iterator[Any]:
    for phase in plan.phases:
        for start in range(phase.start, phase.end, READ):
            yield plan.order(start, min(start + READ, phase.end))


class _Spans:
    """Finds where in the run the first and last sequence of each stretch stand, in one pass over the order."""

    def __init__(self, plan: Plan, lines: list[Stretches]) -> None:
        length = plan.sequence_length
        # What was counted inside the component, ascending, becomes a place in the whole run.
        self.first = [line.start // length for line in lines]
        self.last = [(line.start + line.tokens - 1) // length for line in lines]
        self._wanted = [(first.copy(), last.copy()) for first, last in zip(self.first, self.last, strict=True)]
        self._seen = [0] * len(lines)
        self._position = 0

    def place(self, numbers: Any) -> None:
        """Take the next part of the order, uint16 [n]."""
        for component in np.flatnonzero(np.bincount(numbers)):
            places = np.flatnonzero(numbers == component) + self._position
            before = self._seen[component]
            self._seen[component] += len(places)
            for wanted, found in zip(
                self._wanted[component], (self.first[component], self.last[component]), strict=True
            ):
                low, high = np.searchsorted(wanted, (before, self._seen[component]))
                found[low:high] = places[wanted[low:high] - before]
        self._position += len(numbers)


def _table(plan: Plan, number: int, documents: pa.Table, line: Stretches, spans: _Spans) -> pa.Table:
    taken = documents.select(["doc_id", "source", "shard", "shard_row"]).take(pa.array(line.document))
    n = len(line.document)
    return pa.table(
        {
            "component": _named(np.full(n, number, np.int32), plan.components),
            "phase": _named(line.phase.astype(np.int32), tuple(phase.name for phase in plan.phases)),
            "epoch": pa.array(line.epoch, pa.int32()),
            "doc_id": taken["doc_id"].cast(pa.binary(16)),
            "source": taken["source"].cast(pa.string()),
            "shard": taken["shard"].cast(pa.string()),
            "shard_row": taken["shard_row"].cast(pa.int32()),
            "doc_offset": line.offset,
            "tokens": line.tokens,
            "line_start": line.start,
            "first_sequence": spans.first[number],
            "last_sequence": spans.last[number],
        }
    )


def _named(numbers: Ints | Any, names: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(names, pa.string()))
