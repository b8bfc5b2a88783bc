"""From a mixture and a stock to a plan: arithmetic only, no document is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from datamix.mixtures.counts import count_sequences, drawn_tokens, phase_totals, stretches
from datamix.mixtures.feasible import require_feasible, require_stock
from datamix.mixtures.ledger import warnings_of
from datamix.mixtures.order import PhaseOrder
from datamix.mixtures.targets import phase_pieces
from datamix.spec.mixture import Mixture


@dataclass(frozen=True, slots=True)
class PlanPhase:
    """A phase of a plan.

    Args:
        name: the phase's.
        start: its first sequence, counted from the beginning of training.
        end: the sequence after its last one.
        sequences: whole sequences of each component, in the order of the plan's components.
        order: which component each of its sequences comes from.
    """

    name: str
    start: int
    end: int
    sequences: tuple[int, ...]
    order: PhaseOrder = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run draws, sequence by sequence.

    Args:
        mixture: the spec.
        stock: tokens available by component.
        components: names, by the numbers that `order` gives.
        phases: in order.
        warnings: sentences about what is feasible but not what was written, or not advisable.
        pins: hashes and names of what the plan rests on beside the spec (document sets, tokenizer, decisions, ...).
    """

    mixture: Mixture
    stock: Mapping[str, int]
    components: tuple[str, ...]
    phases: tuple[PlanPhase, ...]
    warnings: tuple[str, ...]
    pins: Mapping[str, str]

    @property
    def sequence_length(self) -> int:
        """Tokens of a sequence."""
        return self.mixture.sequence_length

    @property
    def sequences(self) -> int:
        """Sequences of the whole run."""
        return self.phases[-1].end

    @property
    def tokens(self) -> int:
        """Tokens of the whole run: whole sequences, so up to a sequence less than the spec's budget."""
        return self.sequences * self.sequence_length

    def drawn(self) -> tuple[int, ...]:
        """Return the sequences of each component in the whole run."""
        return tuple(phase_totals([list(phase.sequences) for phase in self.phases]))

    def order(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Return the number of the component of each sequence from `start` to `stop`, uint16 [stop - start].

        Any prefix of a run is within one sequence of `targets` for every component. A read far into a phase first
        draws what lies before it, once for a plan.

        Raises:
            IndexError: the range is not inside the plan.
        """
        parts = [np.zeros(0, np.uint16)]
        for i, low, high in self._overlaps(start, stop):
            parts.append(self.phases[i].order.order(low, high))
        return np.concatenate(parts)

    def targets(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Return the plan's cumulative targets after each sequence from `start` to `stop`.

        Returns:
            float64 [stop - start, n_components], in sequences from the beginning of training: row i after start + i + 1
            sequences. Rows sum to that number. Targets are whole where phases end, and within a sequence of the spec.

        Raises:
            IndexError: the range is not inside the plan.
        """
        before = np.cumsum([[0] * len(self.components), *(phase.sequences for phase in self.phases)], axis=0)
        parts = [np.zeros((0, len(self.components)))]
        for i, low, high in self._overlaps(start, stop):
            parts.append(before[i] + self.phases[i].order.targets(low, high))
        return np.concatenate(parts)

    def _overlaps(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """Return the numbers of the phases that [start, stop) touches, each with the range inside it."""
        if not 0 <= start <= stop <= self.sequences:
            raise IndexError(f"sequences {start} to {stop} are not inside the plan, which has 0 to {self.sequences}")
        return [
            (i, max(start, phase.start) - phase.start, min(stop, phase.end) - phase.start)
            for i, phase in enumerate(self.phases)
            if phase.start < stop and start < phase.end
        ]


def plan(mixture: Mixture, stock: Mapping[str, int], pins: Mapping[str, str] | None = None) -> Plan:
    """Plan a run.

    Args:
        mixture: the spec.
        stock: tokens available by component; names that the mixture does not use are left out.
        pins: what else the plan rests on, by name; they enter its hash.

    Raises:
        SpecError: the stock lacks a component, or can't give what is drawn; with the least change that helps.
    """
    require_stock(mixture, stock)
    available = {name: stock[name] for name in mixture.components}
    asked = stretches(mixture)
    counts = count_sequences(asked)
    require_feasible(mixture, available, drawn_tokens(mixture, counts))
    phases: list[PlanPhase] = []
    offset = [Fraction()] * len(mixture.components)
    bounds = mixture.phase_bounds()
    for i, (stretch, whole) in enumerate(zip(asked, counts, strict=True)):
        drawn = phase_totals(whole)
        order = PhaseOrder(phase_pieces(stretch, whole, offset), drawn)
        phases.append(PlanPhase(mixture.phases[i].name, bounds[i], bounds[i + 1], tuple(drawn), order))
        exact = [sum(column) for column in zip(*stretch.exact(), strict=True)]
        offset = [e + n - due for e, n, due in zip(offset, drawn, exact, strict=True)]
    warnings = warnings_of(mixture, available, counts)
    return Plan(mixture, available, tuple(mixture.components), tuple(phases), tuple(warnings), dict(pins or {}))
