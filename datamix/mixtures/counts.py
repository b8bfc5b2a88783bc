"""Whole sequences by phase, segment and component."""

from __future__ import annotations

from fractions import Fraction

from datamix.mixtures.rounding import controlled_rounding
from datamix.mixtures.targets import Stretch
from datamix.spec.mixture import Mixture

PhaseCounts = list[list[int]]


def stretches(mixture: Mixture) -> list[Stretch]:
    """Return what a mixture asks of each phase, in sequences; a ramp is rounded to whole ones and ends in its phase."""
    bounds = mixture.phase_bounds()
    before: list[Fraction] = []
    result = []
    for phase, start, end in zip(mixture.phases, bounds[:-1], bounds[1:], strict=True):
        shares = phase.normalised()
        weights = [shares.get(name, Fraction()) for name in mixture.components]
        ramp = min(int(mixture.ramp_sequences(phase) + Fraction(1, 2)), end - start)
        result.append(Stretch(before or weights, weights, ramp, end - start))
        before = weights
    return result


def count_sequences(asked: list[Stretch]) -> list[PhaseCounts]:
    """Return whole sequences [phase][segment][component]: controlled rounding of what is asked."""
    return controlled_rounding([stretch.exact() for stretch in asked])


def phase_totals(counts: PhaseCounts) -> list[int]:
    """Return the sequences of each component in one phase."""
    return [sum(column) for column in zip(*counts, strict=True)]


def drawn_tokens(mixture: Mixture, counts: list[PhaseCounts]) -> dict[str, int]:
    """Return the tokens drawn from each component in the whole run."""
    totals = phase_totals([phase_totals(phase) for phase in counts])
    return {name: n * mixture.sequence_length for name, n in zip(mixture.components, totals, strict=True)}
