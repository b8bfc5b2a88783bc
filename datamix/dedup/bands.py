"""How signatures are cut into bands, and what an estimate of the Jaccard similarity is enough to decide."""

from __future__ import annotations

import math

_RECALL = 0.99
_ACCEPT_ERRORS = 2.0
_REFUSE_ERRORS = 2.5


def choose_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Return (bands, rows): the longest bands that bring together 99% of the pairs *at* the threshold.

    A pair of Jaccard similarity s shares one of b bands of r rows with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman
    and Ullman, Mining of Massive Datasets, section 3.4). Longer bands mean fewer pairs to compare in vain; datasketch's
    own choice weighs both kinds of error over all similarities, and finds two thirds of the pairs just above .8.
    The 1% and the .6% that `verdict_bounds` refuses leave 98% of the pairs at the threshold, and more above it.

    Args:
        threshold: Jaccard similarity, above 0 and at most 1.
        permutations: values in a signature.
    """
    for rows in range(permutations, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= _RECALL:
            return bands, rows
    return permutations, 1


def least_agreement(threshold: float, permutations: int) -> int:
    """Return how many values two signatures have to agree in for an estimate at the threshold or above."""
    return math.ceil(threshold * permutations - 1e-9)


def verdict_bounds(threshold: float, permutations: int) -> tuple[int, int]:
    """Return (accept from, refuse below), in agreeing values of two signatures; between the two the texts decide.

    The share of agreeing values estimates the Jaccard similarity s with a standard error of sqrt(s (1 - s) / values).
    A pair is accepted more than two errors above the threshold and refused more than two and a half below.
    """
    error = math.sqrt(threshold * (1 - threshold) / permutations)
    accept_from = math.floor((threshold + _ACCEPT_ERRORS * error) * permutations) + 1
    refuse_below = math.ceil((threshold - _REFUSE_ERRORS * error) * permutations)
    return accept_from, refuse_below
