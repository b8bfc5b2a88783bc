from __future__ import annotations

import pytest

from datamix.dedup.bands import choose_bands, verdict_bounds

THRESHOLDS = [0.3, 0.5, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]
PERMUTATIONS = [16, 64, 112, 128, 256, 1024]


def recall(similarity: float, bands: int, rows: int) -> float:
    return 1 - (1 - similarity**rows) ** bands


def test_the_usual_parameters() -> None:
    assert choose_bands(0.8, 128) == (21, 6)
    assert verdict_bounds(0.8, 128) == (112, 92)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("permutations", PERMUTATIONS)
def test_bands_find_the_pairs_at_the_threshold(threshold: float, permutations: int) -> None:
    bands, rows = choose_bands(threshold, permutations)
    assert bands * rows <= permutations
    assert recall(threshold, bands, rows) >= 0.98
    longer = rows + 1
    assert longer > permutations or recall(threshold, permutations // longer, longer) < 0.99


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("permutations", PERMUTATIONS)
def test_estimates_near_the_threshold_are_left_to_the_texts(threshold: float, permutations: int) -> None:
    accept_from, refuse_below = verdict_bounds(threshold, permutations)
    error = (threshold * (1 - threshold) / permutations) ** 0.5
    assert accept_from / permutations > threshold + 2 * error
    assert threshold - 3 * error <= refuse_below / permutations - 1 / permutations < threshold - 2 * error or (
        threshold == 1.0 and refuse_below == permutations
    )


def test_equal_signatures_do_not_prove_equal_sets() -> None:
    assert verdict_bounds(1.0, 128)[0] > 128
