"""Whether a stock can give what a mixture draws, and the least change that makes it so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from datamix.errors import SpecError, nearest
from datamix.mixtures.counts import count_sequences, drawn_tokens, stretches
from datamix.spec.mixture import Mixture, Phase
from datamix.spec.units import format_count

STEP = Fraction(1, 10_000)  # weights are proposed in steps that can be typed


@dataclass(frozen=True, slots=True)
class Shortage:
    """A component of which more is drawn than there is, or than its `max_epochs` allows."""

    component: str
    drawn: int
    available: int
    allowed: int

    def sentence(self, mixture: Mixture) -> str:
        """Say what is short."""
        if not self.available:
            phases = [phase.name for phase in mixture.phases if phase.weights.get(self.component)]
            return f"component {self.component!r} has no tokens, but a weight in {_listed('phase', phases)}"
        return (
            f"component {self.component!r} would give {format_count(self.drawn)} tokens, "
            f"{self.drawn / self.available:.2f} epochs of its {format_count(self.available)}, "
            f"over its max_epochs of {mixture.components[self.component].max_epochs:g}"
        )


def shortages(mixture: Mixture, stock: Mapping[str, int], drawn: Mapping[str, int]) -> list[Shortage]:
    """Return the components that can't give what is drawn, in the mixture's order."""
    found = []
    for name, component in mixture.components.items():
        allowed = math.inf if component.max_epochs is None else math.floor(Fraction(component.max_epochs) * stock[name])
        # A weight without a whole sequence still asks for documents.
        asked = any(phase.weights.get(name) for phase in mixture.phases)
        if drawn[name] > allowed or (asked and stock[name] == 0):
            limit = 0 if stock[name] == 0 else math.floor(allowed)
            found.append(Shortage(name, drawn[name], stock[name], limit))
    return found


def require_stock(mixture: Mixture, stock: Mapping[str, int]) -> None:
    """Refuse a stock that lacks a component.

    Raises:
        SpecError: names the component and the nearest one that the stock has.
    """
    for name in mixture.components:
        if name not in stock:
            raise SpecError(
                f"mixture {mixture.name!r}: the stock says nothing of component {name!r}{nearest(name, stock)}; "
                f"it has: {', '.join(stock) or 'nothing'}"
            )


def require_feasible(mixture: Mixture, stock: Mapping[str, int], drawn: Mapping[str, int]) -> None:
    """Refuse a mixture that its stock can't give.

    Raises:
        SpecError: names what is short, and changes that make it feasible: weights (checked by planning with them)
            or caps.
    """
    short = shortages(mixture, stock, drawn)
    if not short:
        return
    ways = []
    changed = _reweighted(mixture, short)
    if changed is not None and not shortages(
        changed, stock, drawn_tokens(changed, count_sequences(stretches(changed)))
    ):
        different = [new for old, new in zip(mixture.phases, changed.phases, strict=True) if old != new]
        ways.append("; ".join(f"give phase {phase.name!r} the weights {_weights(phase)}" for phase in different))
    if all(shortage.available for shortage in short):
        caps = [f"{s.component} {math.ceil(1000 * s.drawn / s.available) / 1000:g}" for s in short]
        ways.append(f"raise max_epochs ({', '.join(caps)})")
    else:
        empty = [s.component for s in short if not s.available]
        ways.append(f"give {_listed('component', empty)} documents")
    problems = "; ".join(shortage.sentence(mixture) for shortage in short)
    raise SpecError(f"mixture {mixture.name!r}: {problems}. To make it feasible, {', or '.join(ways)}")


def _reweighted(mixture: Mixture, short: list[Shortage]) -> Mixture | None:
    """Return the mixture with less of what is short and more of the rest, in proportion; None where all is short."""
    # A sequence less than allowed, since whole sequences may round up.
    keep = {
        s.component: Fraction(max(s.allowed - mixture.sequence_length, 0), s.drawn) if s.drawn else Fraction()
        for s in short
    }
    phases = []
    for phase in mixture.phases:
        old = phase.normalised()
        if not any(old.get(name) for name in keep):
            phases.append(phase)
            continue
        rest = sum((weight for name, weight in old.items() if name not in keep), Fraction())
        if rest == 0:
            return None
        new = {name: _floor(weight * keep[name]) for name, weight in old.items() if name in keep}
        left = 1 - sum(new.values(), Fraction())
        others = {name: _floor(weight / rest * left) for name, weight in old.items() if name not in keep}
        largest = max(others, key=lambda name: others[name])
        others[largest] += left - sum(others.values(), Fraction())
        merged = {name: new[name] if name in new else others[name] for name in old}
        phases.append(phase.model_copy(update={"weights": merged}))
    return mixture.model_copy(update={"phases": tuple(phases)})


def _floor(weight: Fraction) -> Fraction:
    return weight // STEP * STEP


def _weights(phase: Phase) -> str:
    return "{" + ", ".join(f"{name}: {float(weight):g}" for name, weight in phase.weights.items()) + "}"


def _listed(what: str, names: list[str]) -> str:
    return f"{what}{'s' * (len(names) > 1)} {', '.join(repr(name) for name in names)}"
