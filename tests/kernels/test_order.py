"""The kernels of the order of sequences and of documents, against plain Python."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels.order import draw_sequences, line_keys

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def tijdeman(counts: list[int]) -> list[int]:
    """Return the order of a phase of constant weights by the paper's rule, in exact arithmetic."""
    total, n_components = sum(counts), len(counts)
    rates = [Fraction(count, total) for count in counts]
    c = Fraction(1, 2 * n_components - 2)
    drawn = [0] * n_components
    order = []
    for n in range(1, total + 1):
        deadlines = {
            k: (math.ceil((drawn[k] + 1 - c) / rates[k]), k)
            for k in range(n_components)
            if n * rates[k] - drawn[k] >= c
        }
        best = min(deadlines, key=lambda k: deadlines[k])
        drawn[best] += 1
        order.append(best)
    return order


def straight(counts: list[int]) -> npt.NDArray[np.float64]:
    rates = np.array(counts) / sum(counts)
    return np.stack([np.zeros_like(rates), rates, np.zeros_like(rates), 1 / rates], axis=-1)[np.newaxis]


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=12))
def test_constant_weights_are_ordered_as_the_paper_says(counts: list[int]) -> None:
    out = np.empty(sum(counts), np.uint16)
    drawn = np.zeros(len(counts), np.int64)
    numbers = np.arange(len(counts), dtype=np.uint16)
    draw_sequences(np.array([0, sum(counts)]), straight(counts), numbers, drawn, 0, out)
    assert out.tolist() == tijdeman(counts)
    assert drawn.tolist() == counts


def test_one_component_gets_its_number() -> None:
    out, drawn = np.zeros(5, np.uint16), np.zeros(1, np.int64)
    draw_sequences(np.array([0, 5]), straight([5]), np.array([7], np.uint16), drawn, 0, out)
    assert out.tolist() == [7] * 5
    assert drawn.tolist() == [5]


def mix(h: int) -> int:
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    h = (h ^ (h >> 27)) * 0x94D049BB133111EB & MASK
    return h ^ (h >> 31)


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1), st.integers(0, 2**63 - 1), st.integers(0, 1000))
@settings(deadline=None)
def test_keys_are_what_their_formula_says(ids: list[bytes], seed: int, epoch: int) -> None:
    halves = np.frombuffer(b"".join(ids), "<u8").astype(np.uint64).reshape(-1, 2)
    keys = np.empty(len(ids), np.uint64)
    line_keys(halves, np.uint64(seed), np.uint64(epoch), keys)
    key = mix(mix((seed + GOLDEN) & MASK) ^ ((epoch + GOLDEN) & MASK))
    for id_, found in zip(ids, keys.tolist(), strict=True):
        low, high = int.from_bytes(id_[:8], "little"), int.from_bytes(id_[8:], "little")
        assert found == mix(mix(key ^ low) ^ high)


def test_keys_of_two_epochs_and_seeds_are_unrelated() -> None:
    ids = np.arange(2000, dtype=np.uint64).reshape(-1, 2)
    keys = np.empty((3, 1000), np.uint64)
    for row, (seed, epoch) in zip(keys, [(0, 0), (0, 1), (1, 0)], strict=True):
        line_keys(ids, np.uint64(seed), np.uint64(epoch), row)
    ranks = keys.argsort(axis=1).argsort(axis=1)
    correlation = np.corrcoef(ranks)[np.triu_indices(3, 1)]
    assert np.abs(correlation).max() < 0.12  # 3.8 standard errors
