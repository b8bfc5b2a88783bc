from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from datamix.errors import ModelError
from datamix.signals.fasttext_model import model_hash
from datamix.signals.scores import ScoreFamily, measure_scores
from tests.fasttext_models import library_scorer, sentences, train


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> list[ScoreFamily]:
    made = []
    for name, kind, label in [("quality", "quantised, pruned", "l1"), ("toxicity", "words only", "__label__l0")]:
        path = train(tmp_path_factory.mktemp(name), kind)
        made.append(ScoreFamily(name, str(path), model_hash(path), label))
    return made


def test_is_the_probability_of_the_label(families: list[ScoreFamily]) -> None:
    quality = pickle.loads(pickle.dumps(families[0]))  # noqa: S301
    texts = sentences(100, seed=10)
    score = library_scorer(Path(quality.model_path))
    measured = quality.measure(pa.array(texts, pa.large_string()))
    expected = [score(text)["l1"] for text in texts]
    assert measured["quality"].type == quality.columns[0].type
    np.testing.assert_allclose(measured["quality"].to_numpy(), expected, atol=2e-6)
    assert quality.name == "score-quality"


def test_together_are_as_by_themselves(families: list[ScoreFamily]) -> None:
    texts = pa.array(sentences(50, seed=11), pa.large_string())
    assert measure_scores(families, texts) == families[0].measure(texts) | families[1].measure(texts)


def test_an_unknown_label_is_refused_early(families: list[ScoreFamily]) -> None:
    wrong = ScoreFamily("quality", families[0].model_path, families[0].model_hash, "l11")
    with pytest.raises(ModelError, match=r"no label 'l11'; did you mean 'l1'\?"):
        wrong.definition()
    with pytest.raises(ModelError, match="no label 'l11'"):
        wrong.measure(pa.array(["text"], pa.large_string()))


def test_is_defined_by_model_and_label(families: list[ScoreFamily]) -> None:
    definition = families[0].definition()
    assert definition["label"] == "l1"
    assert definition["model"] == families[0].model_hash
    assert "unicode" not in definition  # no lower case, no table of it
