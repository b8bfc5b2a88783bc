"""The cumulative target of each component at every sequence of a phase: exact, never falling, whole at the ends.

What the spec asks for is piecewise quadratic: weights rise or fall linearly over a ramp, then stay. Rounding leaves an
offset between plan and spec, less than a sequence, at both ends of a piece; between them it has to be spread so that
the plan's targets still sum to the number of sequences, and no component's target ever falls. Adding a multiple of the
length would do neither beside a weight that starts at 0. Here components that lose something are scaled down, in
proportion to their own weight, and what they lose goes to those that gain: each offset then moves one way only, so plan
and spec differ by no more inside a piece than at its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Counts = Sequence[int]
Shares = Sequence[Fraction]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a phase in which the target of component k after m of its sequences is base + rate m + bend m^2.

    Args:
        length: sequences.
        base: [n_components], targets at its beginning, counted from the beginning of the phase.
        rate: [n_components], sequences a sequence.
        bend: [n_components], half the change of `rate` from one sequence to the next.
    """

    length: int
    base: Shares
    rate: Shares
    bend: Shares


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a spec asks of one phase, in sequences.

    Args:
        before: weights before it, [n_components].
        weights: its own weights, reached after `ramp` sequences.
        ramp: sequences of the ramp, 0 to `length`.
        length: sequences of the phase.
    """

    before: Shares
    weights: Shares
    ramp: int
    length: int

    def exact(self) -> list[list[Fraction]]:
        """Return exact counts [segment][component] of the ramp and of the rest, without empty ones."""
        ramp = [Fraction(self.ramp, 2) * (a + b) for a, b in zip(self.before, self.weights, strict=True)]
        rest = [(self.length - self.ramp) * weight for weight in self.weights]
        return [ramp] * (self.ramp > 0) + [rest] * (self.length > self.ramp)


def phase_pieces(stretch: Stretch, counts: Sequence[Counts], offset: Shares) -> list[Piece]:
    """Return the targets of a phase: one piece for its ramp, one for the rest, where there are any.

    Args:
        stretch: what the spec asks for.
        counts: whole counts [segment][component], rounded from `stretch.exact()`.
        offset: plan minus spec where the phase begins, [n_components], each less than 1 in absolute value.
    """
    drawn = [sum(column) for column in zip(*counts, strict=True)]
    ends: list[Shares] = [[Fraction(count) for count in drawn]]
    if 0 < stretch.ramp < stretch.length:
        ends.insert(0, _ramp_end(stretch, drawn, offset))
    base: Shares = [Fraction()] * len(drawn)
    pieces = []
    for i, end in enumerate(ends):
        if i == 0 and stretch.ramp:
            pieces.append(_ramp_piece(stretch, end))
        else:
            length = stretch.length - stretch.ramp
            rate = [(b - a) / length for a, b in zip(base, end, strict=True)]
            pieces.append(Piece(length, base, rate, [Fraction()] * len(rate)))
        base = end
    return pieces


def _ramp_end(stretch: Stretch, drawn: Counts, offset: Shares) -> Shares:
    """Choose the targets where a ramp ends: within one sequence of the spec, and final where the weight is 0 from here.

    Components that fade out have all of theirs by then, and the others make up for their rounding. In a ramp so short
    that components are due less than a sequence in it, within two of the spec may be the best there is.
    """
    exact = stretch.exact()[0]
    for slack in (Fraction(1), Fraction(5, 4), Fraction(3, 2), Fraction(2)):
        low = [max(Fraction(), due - e - slack) for due, e in zip(exact, offset, strict=True)]
        high = [min(Fraction(n), due - e + slack) for n, due, e in zip(drawn, exact, offset, strict=True)]
        for k, (weight, count) in enumerate(zip(stretch.weights, drawn, strict=True)):
            if weight == 0:
                low[k] = high[k] = Fraction(count)
        least, most = sum(low, Fraction()), sum(high, Fraction())
        if least <= stretch.ramp <= most:
            break
    share = (stretch.ramp - least) / (most - least) if most > least else Fraction()
    return [a + share * (b - a) for a, b in zip(low, high, strict=True)]


def _ramp_piece(stretch: Stretch, end: Shares) -> Piece:
    """Return the ramp whose targets are `end` at its end: the spec's, and transfers from those who lose to who gain."""
    rate, length = list(stretch.before), stretch.ramp
    bend = [(b - a) * Fraction(1, 2 * length) for a, b in zip(stretch.before, stretch.weights, strict=True)]
    due = stretch.exact()[0]
    change = [b - a for a, b in zip(due, end, strict=True)]
    gained = sum((c for c in change if c > 0), Fraction())
    given_rate = given_bend = Fraction()
    for k, c in enumerate(change):
        if c < 0:
            part = -c / due[k]
            given_rate += part * rate[k]
            given_bend += part * bend[k]
            rate[k] -= part * rate[k]
            bend[k] -= part * bend[k]
    for k, c in enumerate(change):
        if c > 0:
            rate[k] += given_rate * c / gained
            bend[k] += given_bend * c / gained
    return Piece(length, [Fraction()] * len(rate), rate, bend)
