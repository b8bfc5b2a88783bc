"""The texts that train `toxicity-en.ftz`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from groups import BENIGN, GROUPS, HOSTILE, OPENINGS, PERSONS, PORTRAITS
from insults import FRIENDLY, FRIENDLY_ADJECTIVES, FRIENDLY_NOUNS, INSULT_ADJECTIVES, INSULT_NOUNS, INSULTS
from texts import Gathered, body

SETS = ("davidson", "wikitalk_cat", "civil_toxicspans", "olid", "hatemoji")
"""Labelled comments."""

ONLY_TOXIC = ("civil_toxicspans", "hatemoji")
"""Sets of which the clean ones stay out: readers flagged them, or they were written so that models would."""

PER_LABEL = 20_000
_MIN_SEVERITY = "Mild"
_SETTING_WORDS = 12
_PROFANITY_REPEATS = 6
_SENTENCES = 5_000
_PORTRAITS = 1_200
_INSULTS = 3_000

_PROFANITIES = "toxicity/surge_profanity_list"
_CLEAN = {  # file: windows
    "corpus/web_genres_ewt_webtext": 2250,
    "corpus/web_dragnet_main_comments": 2250,
    "corpus/qa_dialogue": 1500,
    "corpus/news": 1200,
    "corpus/encyclopedic": 1200,
    "corpus/biomed": 1200,
    "corpus/legal_dc_code": 750,
    "corpus/legal_scotus_oral": 1200,
    "corpus/code": 1200,
    "corpus/software_docs": 1200,
    "corpus/math": 750,
    "corpus/blog": 750,
    "corpus/books": 1500,
    "corpus/web_html_wetlike_en": 750,
    "quality/textbook_openstax": 1500,
}


def toxicity_texts(folder: Path, sets: Sequence[str] = SETS, *, groups: bool = True) -> Gathered:
    """Gather comments of `sets`, clean text that is no comment, profanities in context, and written sentences.

    `groups=False` leaves out the sentences of groups.py, to measure what they do.
    """
    texts = Gathered(folder, written={_PROFANITIES, "groups.py", "insults.py"})
    for name in sets:
        _add_comments(texts, name)
    _add_clean(texts)
    _add_profanities(texts)
    if groups:
        _add_groups(texts)
    for label, patterns, adjectives, nouns in (
        ("toxic", INSULTS, INSULT_ADJECTIVES, INSULT_NOUNS),
        ("clean", FRIENDLY, FRIENDLY_ADJECTIVES, FRIENDLY_NOUNS),
    ):
        filled = _filled(texts, patterns, adjectives, nouns)
        texts.add(label, "insults.py", ((f"{label}{i}", text) for i, text in enumerate(filled)))
    return texts


def _add_comments(texts: Gathered, name: str) -> None:
    """Take both labels of a set, each comment once."""
    frame = texts.read(f"toxicity/{name}")
    for toxic, label in ((1, "toxic"), (0, "clean")):
        if label == "clean" and name in ONLY_TOXIC:
            continue
        rows = frame.filter(pl.col("toxic") == toxic).select("origin", "text").rows()
        texts.random.shuffle(rows)
        chosen = rows[:PER_LABEL]
        texts.add(label, f"toxicity/{name}", ((str(row), _without_marks(texts, text)) for row, text in chosen))


def _without_marks(texts: Gathered, text: str) -> str:
    """Take the marks of Twitter off most texts, since they tell the set and not the label."""
    if texts.random.random() < 0.3:
        return text
    return re.sub(r"\bRT\b|&amp;|&#\d+;|\bURL\b|@\w+:?|https?://\S+", " ", text)


def _add_clean(texts: Gathered) -> None:
    forum = texts.read("corpus/forum_20newsgroups")
    texts.add("clean", "corpus/forum_20newsgroups", texts.windows(forum, 5000, shortest=5, longest=60, clean=body))
    for file, count in _CLEAN.items():
        frame = texts.read(file)
        if file == "corpus/web_genres_ewt_webtext":
            frame = frame.filter(pl.col("label") != "overheard")
        if file == "corpus/web_dragnet_main_comments":
            frame = frame.filter(pl.col("label") == "comments")
        texts.add("clean", file, texts.windows(frame, count, shortest=5, longest=150))
    short = texts.read("quality/sms_spam_clickbait").filter(pl.col("label") != "spam")
    rows = short.sample(4000, seed=1).select("origin", "text").rows()
    texts.add("clean", "quality/sms_spam_clickbait", ((str(row), text) for row, text in rows))


def _add_profanities(texts: Gathered) -> None:
    """Put each profanity of some strength into the beginnings of clean texts."""
    words = texts.read(_PROFANITIES).filter(pl.col("label") != _MIN_SEVERITY)["text"].to_list()
    settings = [text for text, label, _, _ in texts.rows if label == "clean"]
    placed = []
    for word in words:
        for repeat in range(_PROFANITY_REPEATS):
            setting = texts.random.choice(settings).split()[: texts.random.randint(0, _SETTING_WORDS)]
            setting.insert(texts.random.randint(0, len(setting)), word)
            placed.append((f"{word}{repeat}", " ".join(setting)))
    texts.add("toxic", _PROFANITIES, placed)


def _sentences(texts: Gathered, predicates: Sequence[str]) -> Iterator[str]:
    """Write sentences on groups of people: as many benign as hostile, so that to name a group is not toxic."""
    choose, chance = texts.random.choice, texts.random.random
    for _ in range(_SENTENCES):
        sentence = f"{choose(OPENINGS)}{choose(GROUPS)} {choose(predicates)}"
        if chance() < 0.3:
            sentence += f" and they {choose(predicates)}"
        yield sentence + ("." if chance() < 0.4 else "")


def _add_groups(texts: Gathered) -> None:
    for label, predicates in (("toxic", HOSTILE), ("clean", BENIGN)):
        sentences = _sentences(texts, predicates)
        texts.add(label, "groups.py", ((f"{label}{i}", text) for i, text in enumerate(sentences)))
    portraits = (texts.random.choice(PORTRAITS).format(texts.random.choice(PERSONS)) for _ in range(_PORTRAITS))
    texts.add("clean", "groups.py", ((f"portrait{i}", text) for i, text in enumerate(portraits)))


def _filled(texts: Gathered, patterns: Sequence[str], adjectives: Sequence[str], nouns: Sequence[str]) -> Iterator[str]:
    """Write sentences by putting an adjective and a noun into patterns."""
    choose = texts.random.choice
    for _ in range(_INSULTS):
        yield choose(patterns).format(adjective=choose(adjectives), noun=choose(nouns)) + choose(("", "", "!", "."))
