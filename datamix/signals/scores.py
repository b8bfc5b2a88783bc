"""Scores of each document, like quality and toxicity: the probability of one label of a fastText classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datamix.signals.family import Column
from datamix.signals.fasttext_model import label_column, load_scorer, model_definition, model_labels, score_all


@dataclass(frozen=True)
class ScoreFamily:
    """One column, named as the score.

    Args:
        score: the column's name, like `quality`.
        model_path: a supervised fastText model, its card (or none) beside it.
        model_hash: its SHA-256, from `fasttext_model.model_hash`.
        label: the label whose probability is the score, with or without `__label__`.
    """

    score: str
    model_path: str
    model_hash: str
    label: str

    @property
    def name(self) -> str:
        """The family's folder."""
        return f"score-{self.score}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The one column."""
        model = Path(self.model_path).name
        description = (
            f"Probability of the label {self.label!r} by the fastText model {model}, 0 to 1.00001 as fastText reports "
            "it, on the text's first MiB; null where the model knows no word of it."
        )
        return (Column(self.score, pa.float32(), description),)

    def definition(self) -> dict[str, Any]:
        """Return the model's hash, the label, and all else that determines the numbers.

        Raises:
            ModelError: the model or its card is damaged, or it lacks the label; better here than in every worker.
        """
        path = Path(self.model_path)
        label_column(self.label, model_labels(path), path)
        return {"label": self.label, **model_definition(path, self.model_hash)}

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Return the score of each text.

        Raises:
            ModelError: the model can't be read, is damaged, changed since it was chosen, or lacks the label.
        """
        return measure_scores([self], texts)


def measure_scores(families: Sequence[ScoreFamily], texts: pa.LargeStringArray) -> dict[str, pa.Array]:
    """Measure several scores, which share the pass over the words; the numbers are those of each family by itself.

    Raises:
        ModelError: as `ScoreFamily.measure`.
    """
    scorers = [load_scorer(Path(family.model_path), family.model_hash) for family in families]
    columns = [
        label_column(family.label, scorer.labels, Path(family.model_path))
        for family, scorer in zip(families, scorers, strict=True)
    ]
    measured = {}
    for family, column, probabilities in zip(families, columns, score_all(scorers, texts), strict=True):
        scores = probabilities[:, column]
        measured[family.score] = pa.array(scores, pa.float32(), mask=np.isnan(scores))
    return measured
