from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.training.evaluate import auc_interval, best_threshold, calibration, evaluate, threshold_at

scored = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])), min_size=2).filter(
    lambda rows: len({truth for truth, _ in rows}) == 2
)


def arrays(rows):
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.float32)


@given(scored)
def test_the_area_is_the_share_of_pairs_in_order(rows):
    truth, scores = arrays(rows)
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[truth] for n in scores[~truth]]
    area, low, high = auc_interval(truth, scores)
    assert area == pytest.approx(np.mean(pairs))
    assert low <= area <= high


@given(scored, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_threshold_gives_its_precision_and_no_lower_one_does(rows, precision):
    truth, scores = arrays(rows)
    cut = threshold_at(precision, truth, scores)
    reached = [value for value in sorted(set(scores.tolist())) if truth[scores >= value].mean() >= precision]
    if not reached:
        assert cut.threshold is None
        assert cut.recall is None
        return
    assert cut.threshold == pytest.approx(reached[0], abs=1e-4)
    assert truth[scores >= cut.threshold].mean() >= precision
    assert cut.recall == pytest.approx((truth & (scores >= cut.threshold)).sum() / truth.sum(), abs=1e-4)


@given(scored)
def test_bins_hold_every_document_once(rows):
    truth, scores = arrays(rows)
    bins = calibration(truth, scores)
    assert sum(part.documents for part in bins) == len(truth)
    assert sum(part.documents * part.share for part in bins if part.share is not None) == pytest.approx(
        truth.sum(), abs=1e-3 * len(truth)
    )


@given(scored)
def test_no_cut_has_a_higher_f1(rows):
    truth, scores = arrays(rows)

    def f1(threshold):
        taken = scores >= threshold
        return 2 * (truth & taken).sum() / (taken.sum() + truth.sum())

    assert f1(best_threshold(truth, scores)) == pytest.approx(max(f1(value) for value in scores))


def test_the_interval_agrees_with_the_bootstrap():
    generator = np.random.default_rng(1)
    truth = np.arange(600) < 200
    scores = (generator.normal(size=600) + truth).astype(np.float32)
    draws = []
    for _ in range(500):
        rows = generator.integers(0, 600, 600)
        draws.append(auc_interval(truth[rows], scores[rows])[0])
    _, low, high = auc_interval(truth, scores)
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.01)


def test_one_kind_alone_has_no_area():
    with pytest.raises(ValueError, match="with the label and without"):
        evaluate("x", np.ones(3, np.bool_), np.zeros(3, np.float32))
