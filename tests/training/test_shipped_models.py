from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from datamix.library import library_folder
from datamix.signals.fasttext_model import card_path, load_scorer, model_hash
from datamix.training.card import ModelCard
from datamix.training.evaluate import auc_interval

LABELS = {"quality": "good", "toxicity": "toxic"}


def path(name):
    return library_folder() / "filters" / "models" / f"{name}-en.ftz"


def card(name):
    return ModelCard.model_validate_json(card_path(path(name)).read_text("utf-8"))


def measured(name, what):
    return next(m.value for m in card(name).measurements if what in m.what)


def score(name, texts):
    scorer = load_scorer(path(name), model_hash(path(name)))
    return scorer.probabilities(pa.array(texts, pa.large_string()))[:, scorer.column(LABELS[name], path(name))]


@pytest.mark.parametrize("name", LABELS)
def test_a_model_is_small_and_is_the_one_of_its_card(name):
    assert path(name).stat().st_size < 2_000_000
    assert card(name).sha256 == model_hash(path(name))
    assert card(name).positive == LABELS[name]
    assert card(name).evaluation[0].auc > 0.85


def test_main_text_ranks_above_boilerplate(shared_data):
    frame = pl.read_parquet(shared_data / "quality/main_vs_boilerplate.parquet")
    truth = (frame["label"] == "main_content").to_numpy()
    scores = score("quality", frame["text"].to_list())
    area = auc_interval(truth, scores)[0]
    assert area >= 0.93
    assert area == pytest.approx(measured("quality", "main_vs_boilerplate"), abs=1e-3)
    threshold = card("quality").threshold
    assert threshold == 0.6
    assert (scores[truth] >= threshold).mean() > 0.8
    assert (scores[~truth] >= threshold).mean() < 0.1


def test_hateful_prompts_rank_above_neutral_ones_as_the_card_says(shared_data):
    frame = pl.read_parquet(shared_data / "toxicity/toxigen_prompts.parquet")
    area = auc_interval((frame["toxic"] == 1).to_numpy(), score("toxicity", frame["text"].to_list()))[0]
    assert area >= 0.84  # a floor: the aim of .85 is missed by little here, and the card says why
    assert area == pytest.approx(
        measured("toxicity", "toxigen_prompts, not in training, but used while choosing"), abs=1e-3
    )


def test_the_card_says_how_each_set_is_ranked_when_left_out():
    # A floor, not the aim of .85: the negatives of some sets were picked for looking toxic.
    for name in ("davidson", "wikitalk_cat", "civil_toxicspans", "olid", "hatemoji"):
        assert measured("toxicity", f"AUC: all of {name}, left out") > 0.5
    assert measured("toxicity", "mean AUC: the same of the sets that chose the settings") >= 0.82
    assert measured("toxicity", "mean AUC: toxic ones of each set left out") >= 0.85


@pytest.mark.parametrize("file", ["news", "encyclopedic", "biomed", "legal_dc_code", "code"])
def test_text_that_is_no_comment_raises_no_alarm(shared_data, file):
    texts = pl.read_parquet(shared_data / f"corpus/{file}.parquet")["text"].sample(400, seed=3)
    assert (score("toxicity", texts.to_list()) >= card("toxicity").threshold).mean() < 0.03


def test_textbooks_rank_above_spam_and_forum_posts(shared_data):
    def median(file, **chosen):
        frame = pl.read_parquet(shared_data / f"{file}.parquet").filter(**chosen)
        return np.median(score("quality", frame["text"].sample(100, seed=3).to_list()))

    textbook = median("quality/textbook_openstax")
    assert textbook > 0.9
    assert textbook > median("corpus/forum_20newsgroups") + 0.3
    assert textbook > median("quality/email_spamassassin", label="spam") + 0.8


def test_a_long_book_scores_like_its_parts(shared_data):
    book = pl.read_parquet(shared_data / "corpus/books.parquet")["text"][5].split()
    parts = [" ".join(book[i : i + 2000]) for i in range(0, 20_000, 2000)]
    for name in LABELS:
        assert score(name, [" ".join(book)])[0] == pytest.approx(score(name, parts).mean(), abs=0.1)


def test_sentences_with_obvious_answers():
    toxic = score(
        "toxicity",
        [
            "You are a stupid idiot and nobody likes you.",
            "Shut up, you pathetic moron!",
            "Thank you for your help with the article, it was very useful.",
            "The patient was treated with amoxicillin for ten days.",
        ],
    )
    threshold = card("toxicity").threshold
    assert (toxic >= threshold).tolist() == [True, True, False, False]
    good = score(
        "quality",
        [
            "Photosynthesis is the process by which green plants convert light energy into chemical energy, storing it "
            "in molecules of glucose.",
            "The treaty was signed in 1648 and ended the war; it redrew the map of central Europe.",
            "Home | About us | Contact | Privacy policy | Terms of use | Log in | Subscribe | Share on Facebook",
            "BUY NOW!!! Cheap pills online, click here for your free offer, unsubscribe any time!!!",
        ],
    )
    assert (good >= card("quality").threshold).tolist() == [True, True, False, False]
