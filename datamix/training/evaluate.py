"""How well scores tell one label from the rest: area under the curve, calibration, thresholds at chosen precision."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from datamix.training.card import CalibrationBin, Evaluation, PrecisionThreshold

PRECISIONS = (0.8, 0.9, 0.95)
BINS = 10
_Z95 = 1.959963984540054

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float32]


def evaluate(label: str, truth: Truth, scores: Scores) -> Evaluation:
    """Evaluate the scores of one label.

    Args:
        label: whose scores they are.
        truth: bool [n], whether a document has the label; both kinds occur.
        scores: float [n], in [0, 1].

    Raises:
        ValueError: all documents have the label, or none.
    """
    area, low, high = auc_interval(truth, scores)
    return Evaluation(
        label=label,
        positives=int(truth.sum()),
        negatives=int((~truth).sum()),
        auc=round(area, 4),
        auc_low=round(low, 4),
        auc_high=round(high, 4),
        calibration=calibration(truth, scores),
        thresholds=[threshold_at(precision, truth, scores) for precision in PRECISIONS],
    )


def auc_interval(truth: Truth, scores: Scores) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95% interval, by DeLong's variance on the logit scale.

    DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves"; computed from mid-ranks as in Sun and Xu 2014. A perfect area has a point for an interval.

    Raises:
        ValueError: all documents have the label, or none.
    """
    positive, negative = np.sort(scores[truth]), np.sort(scores[~truth])
    if not len(positive) or not len(negative):
        raise ValueError("the area under the curve needs documents with the label and without it")
    below = _share_below(negative, positive)
    above = 1 - _share_below(positive, negative)
    area = float(below.mean())
    variance = sum(float(part.var(ddof=1)) / len(part) for part in (below, above) if len(part) > 1)
    if variance == 0 or not 0 < area < 1:
        return area, area, area
    center, spread = math.log(area / (1 - area)), _Z95 * math.sqrt(variance) / (area * (1 - area))
    return area, _logistic(center - spread), _logistic(center + spread)


def calibration(truth: Truth, scores: Scores) -> list[CalibrationBin]:
    """Return, for each tenth of the range of scores, how many documents lie there and what share has the label."""
    place = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    bins = []
    for i in range(BINS):
        here = place == i
        number = int(here.sum())
        bins.append(
            CalibrationBin(
                low=i / BINS,
                high=(i + 1) / BINS,
                documents=number,
                mean_score=round(float(scores[here].mean()), 4) if number else None,
                share=round(float(truth[here].mean()), 4) if number else None,
            )
        )
    return bins


def threshold_at(precision: float, truth: Truth, scores: Scores) -> PrecisionThreshold:
    """Return the lowest threshold at or above which a share of at least `precision` has the label."""
    values, found, taken = _cuts(truth, scores)
    enough = np.flatnonzero(found >= precision * taken)
    if not len(enough):
        return PrecisionThreshold(precision=precision, threshold=None, recall=None)
    last = enough[-1]
    return PrecisionThreshold(
        precision=precision,
        threshold=_floor(float(values[last])),
        recall=round(float(found[last] / truth.sum()), 4),
    )


def best_threshold(truth: Truth, scores: Scores) -> float:
    """Return the threshold with the highest F1; of equals the highest."""
    values, found, taken = _cuts(truth, scores)
    return _floor(float(values[np.argmax(2 * found / (taken + truth.sum()))]))


def _cuts(truth: Truth, scores: Scores) -> tuple[Scores, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct scores, falling, with how many documents are at or above: of the label, and in all."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return ranked[last], np.cumsum(truth[order])[last], last + 1


def _share_below(ranked: Scores, values: Scores) -> npt.NDArray[np.float64]:
    """Return the share of `ranked` that is below each of `values`, equal ones counted half."""
    sides = np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right")
    share: npt.NDArray[np.float64] = sides / (2 * len(ranked))
    return share


def _floor(score: float) -> float:
    """Round down to four decimals, so that the documents at the threshold stay at or above it."""
    return math.floor(score * 10_000) / 10_000


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
