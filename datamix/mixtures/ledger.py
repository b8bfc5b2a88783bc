"""What a plan draws, by component and phase, and what is worth a warning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamix.mixtures.counts import PhaseCounts, drawn_tokens, phase_totals
from datamix.spec.mixture import Mixture
from datamix.spec.units import format_count

if TYPE_CHECKING:
    from datamix.mixtures.plan import Plan

MANY_EPOCHS = 4  # up to here repeated tokens are almost as good as fresh ones (Muennighoff et al. 2023)
HALF_LIFE = 15.387756  # R* there


def effective_epochs(epochs: float) -> float:
    """Return how many times their number tokens are worth that were seen `epochs` times.

    1 + R* (1 - exp(-(epochs - 1) / R*)) with R* = 15.387756, for one epoch and more; below, all are fresh. Muennighoff
    et al. (2023), "Scaling data-constrained language models", section 3.1.
    """
    return epochs if epochs <= 1 else 1 + HALF_LIFE * (1 - math.exp(-(epochs - 1) / HALF_LIFE))


def ledger(plan: Plan) -> dict[str, Any]:
    """Return what `datamix mix plan --json` prints: counts by component, in total and by phase.

    Tokens are whole sequences; `start` and `end` are in sequences, half open; epochs are tokens drawn over tokens
    available, 0 where there are none.
    """
    return {
        "version": 1,
        "name": plan.mixture.name,
        "tokens": plan.tokens,
        "sequences": plan.sequences,
        "components": {
            name: {"available": plan.stock[name], **_drawn(plan, name, sequences)}
            for name, sequences in zip(plan.components, plan.drawn(), strict=True)
        },
        "phases": [
            {
                "name": phase.name,
                "start": phase.start,
                "end": phase.end,
                "components": {
                    name: _drawn(plan, name, sequences)
                    for name, sequences in zip(plan.components, phase.sequences, strict=True)
                },
            }
            for phase in plan.phases
        ],
        "warnings": list(plan.warnings),
    }


def _drawn(plan: Plan, name: str, sequences: int) -> dict[str, int | float]:
    tokens = sequences * plan.sequence_length
    available = plan.stock[name]
    return {"tokens": tokens, "sequences": sequences, "epochs": tokens / available if available else 0.0}


def warnings_of(mixture: Mixture, stock: Mapping[str, int], counts: list[PhaseCounts]) -> list[str]:
    """Return a sentence for each thing that a plan does other than written, or that is not advisable.

    Args:
        mixture: the spec.
        stock: tokens available by component.
        counts: whole sequences [phase][segment][component].
    """
    found = []
    rest = mixture.tokens % mixture.sequence_length
    if rest:
        found.append(
            f"{mixture.tokens:,} tokens are not a whole number of sequences of {mixture.sequence_length:,}; "
            f"the last {rest:,} are not used"
        )
    for phase, count in zip(mixture.phases, counts, strict=True):
        total = sum(phase.weights.values())
        if total != 1:
            found.append(f"the weights of phase {phase.name!r} sum to {float(total):.6g}; they were divided by it")
        for name, sequences in zip(mixture.components, phase_totals(count), strict=True):
            if phase.weights.get(name) and not sequences:
                found.append(f"component {name!r} is due less than a sequence in phase {phase.name!r} and gets none")
    for name, tokens in drawn_tokens(mixture, counts).items():
        epochs = tokens / stock[name] if stock[name] else 0.0
        if epochs > MANY_EPOCHS:
            worth = effective_epochs(epochs)
            found.append(
                f"component {name!r} is seen {epochs:.2f} times; its {format_count(tokens)} tokens are worth "
                f"{format_count(worth * stock[name])} fresh ones ({worth:.2f} epochs; Muennighoff et al. 2023)"
            )
    return found
