"""How a plan is cut into output shards: one task each, and what all of them together must give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamix.errors import StoreError
from datamix.export.emission import Emission, Plan
from datamix.export.formats import Format
from datamix.export.manifest import Count, Identity, PhaseEntry
from datamix.export.pieces import Int64s
from datamix.export.shard import ShardTask
from datamix.export.uses import UsesIndex
from datamix.signals.tokenizers import BYTES

_TEXT_BYTES_PER_TOKEN = 4  # of subword tokenizers on English; only the size of text shards hangs on it


@dataclass(frozen=True)
class Layout:
    """The tasks in the order of the plan, and its phases with the counts that the tasks together must give."""

    tasks: list[ShardTask]
    phases: list[PhaseEntry]


def identify(emission: Emission, format_: Format, plan: Plan) -> Identity:
    """Return what the emission is, before anything is read."""
    tokenizer = emission.tokenizer
    token_bytes = np.dtype(tokenizer.dtype).itemsize
    if format_.text and tokenizer.hash != BYTES:
        token_bytes = _TEXT_BYTES_PER_TOKEN
    return Identity(
        format=format_.name,
        plan=emission.plan_hash,
        tokenizer_hash=tokenizer.hash,
        sequence_length=plan.sequence_length,
        sequences=plan.sequences,
        shard_sequences=max(1, emission.shard_bytes // (plan.sequence_length * token_bytes)),
    )


def lay_out(emission: Emission, format_: Format, plan: Plan, index: UsesIndex, shard_sequences: int) -> Layout:
    """Cut the plan into tasks of `shard_sequences` sequences each, the last with the rest.

    Raises:
        StoreError: the plan's order and its uses disagree.
    """
    components = tuple(plan.components)
    _require(emission.uses, {s.component for s in index.stretches} <= set(components), "name unknown components")
    phases = sorted(index.phases.items(), key=lambda phase: phase[1])
    ends = [0, *(end for _, (_, end) in phases)]
    starts = [*(start for _, (start, _) in phases), plan.sequences]
    _require(emission.uses, starts == ends, "leave sequences out, or give some to two phases")

    stretch_groups = np.array([s.row_group for s in index.stretches], np.int64)
    stretch_components = np.array([components.index(s.component) for s in index.stretches], np.int64)
    stretch_starts = np.array([s.start for s in index.stretches], np.int64)
    stretch_stops = np.array([s.stop for s in index.stretches], np.int64)
    drawn = np.zeros(len(components), np.int64)
    drawn_in_phase = np.zeros((len(phases), len(components)), np.int64)
    tasks: list[ShardTask] = []
    for start in range(0, plan.sequences, shard_sequences):
        order = plan.order(start, min(start + shard_sequences, plan.sequences))
        for p, (_, (phase_start, phase_end)) in enumerate(phases):
            inside = order[max(phase_start - start, 0) : max(phase_end - start, 0)]
            drawn_in_phase[p] += np.bincount(inside, minlength=len(components))
        after = drawn + np.bincount(order, minlength=len(components))
        low, high = drawn * plan.sequence_length, after * plan.sequence_length
        needed = (stretch_starts < high[stretch_components]) & (stretch_stops > low[stretch_components])
        tasks.append(
            ShardTask(
                path=emission.folder / format_.file_name(len(tasks)),
                format=format_.name,
                uses=emission.uses,
                row_groups=tuple(np.unique(stretch_groups[needed]).tolist()),
                caches=emission.caches,
                cache_tokenizer=BYTES if format_.text else emission.tokenizer.hash,
                components=components,
                sequence_length=plan.sequence_length,
                first_sequence=start,
                order=order,
                drawn=drawn,
                dtype=emission.tokenizer.dtype,
            )
        )
        drawn = after
    entries = [
        PhaseEntry(
            name=name,
            start=start,
            end=end,
            components=_counts(emission.uses, name, components, drawn_in_phase[p], plan.sequence_length, index),
        )
        for p, (name, (start, end)) in enumerate(phases)
    ]
    return Layout(tasks, entries)


def _counts(
    uses: Path, phase: str, components: tuple[str, ...], drawn: Int64s, sequence_length: int, index: UsesIndex
) -> dict[str, Count]:
    counts = {}
    for component, sequences in zip(components, drawn.tolist(), strict=True):
        tokens, documents = index.cells.get((phase, component), (0, 0))
        _require(
            uses,
            tokens == sequences * sequence_length,
            f"give component {component!r} {tokens:,} tokens in phase {phase!r}, its order "
            f"{sequences:,} sequences of {sequence_length:,}",
        )
        counts[component] = Count(sequences=sequences, tokens=tokens, documents=documents)
    return counts


def _require(uses: Path, holds: bool, otherwise: str) -> None:
    if not holds:
        raise StoreError(f"the plan and its uses {uses} do not fit: the uses {otherwise}; run `datamix mix plan` again")
