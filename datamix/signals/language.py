"""The language of each document, by a fastText model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datamix.signals.family import Column
from datamix.signals.fasttext_model import load_scorer, model_definition, model_labels

_COLUMNS = (
    Column(
        "language",
        pa.string(),
        "Most probable label of the language model (fastText; Joulin et al. 2016), `__label__` left out, on the text's "
        "first MiB; null where the model knows no word of it.",
    ),
    Column(
        "language_score",
        pa.float32(),
        "Probability of `language`, 0 to 1.00001 as fastText reports it; null where `language` is.",
    ),
)


@dataclass(frozen=True)
class LanguageFamily:
    """Columns `language` and `language_score`.

    Args:
        model_path: a supervised fastText model whose labels are languages, like lid.176.ftz.
        model_hash: its SHA-256, from `fasttext_model.model_hash`.
    """

    model_path: str
    model_hash: str

    @property
    def name(self) -> str:
        """The family's folder."""
        return "language"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The two columns."""
        return _COLUMNS

    def definition(self) -> dict[str, Any]:
        """Return the model's hash and all else that determines the numbers.

        Raises:
            ModelError: the model is damaged or its card is; better here, before workers are sent out.
        """
        model_labels(Path(self.model_path))
        return model_definition(Path(self.model_path), self.model_hash)

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Return the most probable language of each text and its probability.

        Raises:
            ModelError: the model can't be read, is damaged, or changed since it was chosen.
        """
        scorer = load_scorer(Path(self.model_path), self.model_hash)
        probabilities = scorer.probabilities(texts)
        best = probabilities.argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best]
        unknown = np.isnan(scores)
        labels = pa.array(scorer.labels, pa.string())
        return {
            "language": labels.take(pa.array(best, pa.int64(), mask=unknown)),
            "language_score": pa.array(scores, pa.float32(), mask=unknown),
        }
