"""Controlled rounding: floors and ceilings everywhere, sums kept, zeros kept."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from datamix.mixtures.rounding import controlled_rounding


@st.composite
def tables(draw: st.DrawFn) -> list[list[list[Fraction]]]:
    n_components = draw(st.integers(1, 12))
    parts = st.lists(st.sampled_from([0, 0, 1, 3, 10]), min_size=n_components, max_size=n_components).filter(any)
    sizes = st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=2), min_size=1, max_size=6)
    table = []
    for phase in draw(sizes):
        table.append([[Fraction(size * part, sum(row)) for part in row] for size in phase for row in [draw(parts)]])
    return table


def near(whole: int, exact: Fraction) -> bool:
    return whole in (math.floor(exact), math.ceil(exact))


@given(tables())
def test_cells_phases_and_running_sums_are_floor_or_ceiling(table: list[list[list[Fraction]]]) -> None:
    rounded = controlled_rounding(table)
    running, exact_running = [0] * len(table[0][0]), [Fraction()] * len(table[0][0])
    for phase, exact_phase in zip(rounded, table, strict=True):
        for segment, exact_segment in zip(phase, exact_phase, strict=True):
            assert sum(segment) == sum(exact_segment)
            assert all(near(n, exact) for n, exact in zip(segment, exact_segment, strict=True))
        for k in range(len(running)):
            n, exact = sum(segment[k] for segment in phase), sum(segment[k] for segment in exact_phase)
            assert near(n, exact)
            running[k] += n
            exact_running[k] += exact
            assert near(running[k], exact_running[k])


def test_thirds_do_not_drift() -> None:
    # Each phase on its own would give 1, 1, 2 three times; together they have to come out even.
    rounded = controlled_rounding([[[Fraction(4, 3)] * 3]] * 3)
    assert [sum(phase[0][k] for phase in rounded) for k in range(3)] == [4, 4, 4]


def test_whole_counts_stay() -> None:
    assert controlled_rounding([[[Fraction(3), Fraction(0), Fraction(7)]]]) == [[[3, 0, 7]]]
