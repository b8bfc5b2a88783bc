from __future__ import annotations

import json
from dataclasses import replace

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from datamix.errors import ModelError, SpecError
from datamix.signals.fasttext_model import card_path, load_scorer, model_hash
from datamix.training.card import ModelCard, as_markdown
from datamix.training.fit import fit, write_lines
from datamix.training.labelled import Labelled
from datamix.training.parameters import Parameters
from datamix.training.train import train
from tests.training.python_texts import labelled

SMALL = Parameters(dimensions=4, epochs=20, learning_rate=0.5, buckets=2_000, test_share=0.3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that tells source from prose, and its card."""
    model = tmp_path_factory.mktemp("trained") / "prose.ftz"
    return train("prose", labelled(), [], model, parameters=SMALL, positive="prose"), model


def test_source_is_told_from_prose(trained):
    card, model = trained
    (evaluation,) = card.evaluation
    assert evaluation.label == "prose"
    assert evaluation.auc_low <= evaluation.auc <= evaluation.auc_high
    assert evaluation.auc > 0.95
    scorer = load_scorer(model, model_hash(model))
    texts = pa.array(
        ["The statement is executed when the block ends.", "def f(self):\n    return self.x"], pa.large_string()
    )
    prose, code = scorer.probabilities(texts)[:, scorer.column("prose", model)]
    assert prose > card.threshold > code


def test_the_card_describes_the_model_beside_it(trained):
    card, model = trained
    assert ModelCard.model_validate_json(card_path(model).read_text()) == card
    assert json.loads(card_path(model).read_text())["normalise"] == "lower"
    assert (card.sha256, card.bytes) == (model_hash(model), model.stat().st_size)
    assert (card.labels, card.positive) == (["code", "prose"], "prose")
    assert sum(card.split.train.values()) + sum(card.split.test.values()) == len(labelled().labels)
    assert sum(part.documents for part in card.evaluation[0].calibration) == sum(card.split.test.values())
    assert [cut.precision for cut in card.evaluation[0].thresholds] == [0.8, 0.9, 0.95]
    assert {"python", "numpy"} < card.versions.keys()
    page = card_path(model).with_suffix(".md").read_text()
    assert f"| prose | {card.evaluation[0].positives} |" in page
    assert card.sha256 in page


def test_written_texts_and_what_is_like_them_never_test(trained, tmp_path):
    plain, _ = trained
    data = labelled()
    prose = [label == "prose" for label in data.labels]
    some = [is_prose and row % 2 == 0 for row, is_prose in enumerate(prose)]
    card = train("prose", replace(data, only_training=some), [], tmp_path / "m.ftz", parameters=SMALL, positive="prose")
    assert card.split.test["code"] == plain.split.test["code"]
    assert 0 < card.split.test["prose"] < plain.split.test["prose"]
    copies = Labelled(
        pa.concat_arrays([data.texts, data.texts]),
        [*data.labels, *data.labels],
        only_training=[False] * len(prose) + prose,
    )
    with pytest.raises(SpecError, match="too few documents with the label 'prose' in the test part"):
        train("prose", copies, [], tmp_path / "n.ftz", parameters=SMALL, positive="prose")


def test_notes_stand_in_the_card(trained):
    card, _ = trained
    assert "## Notes" not in as_markdown(card)
    page = as_markdown(card.model_copy(update={"notes": ["Read this.", "And this."]}))
    assert "## Notes\n\n- Read this.\n- And this.\n" in page


def test_the_same_data_gives_the_same_bytes(trained, tmp_path):
    card, model = trained
    again = tmp_path / "prose.ftz"
    assert train("prose", labelled(), [], again, parameters=SMALL, positive="prose") == card
    assert again.read_bytes() == model.read_bytes()
    assert card_path(again).read_bytes() == card_path(model).read_bytes()


@pytest.mark.parametrize("word_ngrams", [1, 2])
def test_words_alone_train_without_nan_and_the_same_twice(tmp_path, word_ngrams):
    data = labelled()
    settings = SMALL.model_copy(update={"word_ngrams": word_ngrams})
    models = [tmp_path / "a.ftz", tmp_path / "b.ftz"]
    for model in models:
        fit(data.texts, data.labels, settings, model)
    assert models[0].read_bytes() == models[1].read_bytes()
    assert np.isfinite(load_scorer(models[0], model_hash(models[0])).probabilities(data.texts)).all()


def test_the_model_is_pruned_to_its_size(tmp_path):
    data = labelled()
    fit(data.texts, data.labels, SMALL.model_copy(update={"buckets": 50_000, "max_bytes": 60_000}), tmp_path / "m.ftz")
    assert 30_000 < (tmp_path / "m.ftz").stat().st_size <= 60_000


def test_a_text_can_give_itself_no_label_and_no_second_line(tmp_path):
    texts = pa.array(["Bad __label__b\r\nÄ </s> more", "fine"], pa.large_string())
    write_lines(texts, ["a", "b"], tmp_path / "lines.txt")
    lines = (tmp_path / "lines.txt").read_text("utf-8").split("\n")
    assert [line.split() for line in lines] == [["__label__a", "bad", "b", "ä", "more"], ["__label__b", "fine"], []]
    model = fasttext.train_supervised(str(tmp_path / "lines.txt"), minCount=1, thread=1, verbose=0)
    assert model.get_labels() == ["__label__a", "__label__b"]


def test_several_labels_are_each_evaluated(tmp_path):
    data = labelled()
    short = [
        label if len(text) < 400 else "long" for text, label in zip(data.texts.to_pylist(), data.labels, strict=True)
    ]
    card = train("kind", Labelled(data.texts, short), [], tmp_path / "kind.ftz", parameters=SMALL)
    assert [result.label for result in card.evaluation] == ["code", "long", "prose"]
    assert (card.positive, card.threshold) == (None, None)


def test_what_can_not_be_trained_is_said(tmp_path):
    texts = labelled(20).texts
    out = tmp_path / "m.ftz"
    with pytest.raises(SpecError, match="needs two or more"):
        train("x", Labelled(texts, ["a"] * len(texts)), [], out)
    halves = ["good", "bad"] * (len(texts) // 2)
    with pytest.raises(SpecError, match="which of the labels"):
        train("x", Labelled(texts, halves), [], out)
    with pytest.raises(SpecError, match=r"'god' among those of the data: bad, good; did you mean 'good'\?"):
        train("x", Labelled(texts, halves), [], out, positive="god")
    same = pa.array(["one and the same text"] * len(texts), pa.large_string())
    with pytest.raises(SpecError, match="too few documents with the label 'bad'"):
        train("x", Labelled(same, halves), [], out, positive="good")
    assert not out.exists()


def test_limits_end_a_training(tmp_path):
    data = labelled(20)
    tight = SMALL.model_copy(update={"memory_limit_bytes": 400_000_000, "dimensions": 500, "buckets": 2_000_000})
    with pytest.raises(ModelError, match="within 400,000,000 bytes of memory"):
        fit(data.texts, data.labels, tight, tmp_path / "m.ftz")
    brief = SMALL.model_copy(update={"timeout_s": 1, "epochs": 100_000})
    with pytest.raises(ModelError, match=r"longer than 1 s|failed in its process"):
        fit(data.texts, data.labels, brief, tmp_path / "m.ftz")


def test_parameters_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="longer than the longest"):
        Parameters(shortest_characters=5, longest_characters=3)
    with pytest.raises(ValidationError, match="give both"):
        Parameters(longest_characters=3)
