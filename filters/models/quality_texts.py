"""The texts that train `quality-en.ftz`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
from texts import Gathered, body, shingles

HELD_OUT = "quality/main_vs_boilerplate"
"""No part of it trains: its two sources' whole pages, which the corpus holds as well, are left out, and whatever else
shares more than a twentieth of its six-word runs with it."""

_HELD_OUT_SOURCES = ("mozilla+readability", "scrapinghub+article-extraction-benchmark")
_MOST_SHARED = 0.05
_LINK_WORDS = 7
_FEWEST_LINKS = 3
_PARAGRAPH_WORDS = 35
_SENTENCE_END = (".", "?", "!", "”", '"')


def quality_texts(folder: Path) -> Gathered:
    """Gather windows of edited text as `good`, of navigation, spam, clickbait and chatter as `bad`."""
    texts = Gathered(folder)
    _add_good(texts)
    _add_bad(texts)
    _add_pages(texts)
    return texts


def _add_good(texts: Gathered) -> None:
    is_dictionary = pl.col("source").str.starts_with("debian")
    is_reuters = pl.col("source").str.starts_with("reuters")
    for file, chosen, count in (
        ("quality/textbook_openstax", pl.lit(True), 5000),
        ("corpus/encyclopedic", ~is_dictionary, 3000),
        ("corpus/encyclopedic", is_dictionary, 1000),
        ("corpus/qa_dialogue", pl.col("source").str.starts_with("medquad"), 1500),
        ("corpus/news", ~is_reuters, 3000),
        ("corpus/news", is_reuters, 500),
        ("corpus/blog", pl.lit(True), 1500),
        ("corpus/biomed", pl.lit(True), 800),
        ("corpus/books", pl.lit(True), 1500),
        ("corpus/legal_dc_code", pl.lit(True), 300),
        ("corpus/legal_scotus_oral", pl.lit(True), 300),
        ("corpus/math", pl.lit(True), 500),
        ("corpus/web_dragnet_main_comments", pl.col("label") == "main_content", 6000),
        ("corpus/code", pl.lit(True), 1500),
        ("corpus/software_docs", pl.col("label") != "tldr", 2500),
    ):
        texts.add("good", file, texts.windows(texts.read(file).filter(chosen), count))


def _add_bad(texts: Gathered) -> None:
    mail, forum = texts.read("quality/email_spamassassin"), texts.read("corpus/forum_20newsgroups")
    for label, count in (("spam", 3500), ("ham", 1500)):
        texts.add("bad", "quality/email_spamassassin", texts.windows(mail.filter(pl.col("label") == label), count))
    texts.add("bad", "corpus/forum_20newsgroups", texts.windows(forum, 2500, clean=body))
    comments = texts.read("corpus/web_dragnet_main_comments").filter(pl.col("label") == "comments")
    texts.add("bad", "corpus/web_dragnet_main_comments", texts.windows(comments, 3000))
    genres = texts.read("corpus/web_genres_ewt_webtext")
    texts.add("bad", "corpus/web_genres_ewt_webtext", texts.windows(genres, 1500))
    short = texts.read("quality/sms_spam_clickbait")
    spam = short.filter(pl.col("label") == "spam")["text"].to_list()[:700]
    texts.add("bad", "quality/sms_spam_clickbait", ((f"sms{i}", text) for i, text in enumerate(spam)))
    headlines = short.filter(pl.col("label") == "clickbait")["text"].to_list()
    lists = (texts.random.sample(headlines, texts.random.randint(1, 12)) for _ in range(2500))
    texts.add("bad", "quality/sms_spam_clickbait", ((f"list{i}", ". ".join(lines)) for i, lines in enumerate(lists)))


def _add_pages(texts: Gathered) -> None:
    """Take whole pages apart: runs of lines like links are bad, paragraphs good, and the pages' links together bad."""
    file = "corpus/web_html_wetlike_en"
    held_out: set[str] = set()
    for text in texts.read(HELD_OUT)["text"]:
        held_out |= shingles(text)
    pages = [
        (origin, text)
        for origin, text in texts.read(file)
        .filter(~pl.col("source").is_in(_HELD_OUT_SOURCES))
        .select("origin", "text")
        .rows()
        if len(own := shingles(text)) == 0 or len(own & held_out) / len(own) <= _MOST_SHARED
    ]
    runs = _frame((origin, run) for origin, page in pages for run in link_runs(page))
    links = _frame((origin, "\n".join(link_runs(page))) for origin, page in pages)
    paragraphs = _frame((origin, "\n".join(_paragraphs(page))) for origin, page in pages)
    for label, frame, count, shortest in (
        ("bad", runs, 6000, 8),
        ("bad", links, 5000, 15),
        ("good", paragraphs, 6000, 15),
    ):
        texts.add(label, file, texts.windows(frame, count, shortest=shortest))


def _frame(rows: Iterable[tuple[int, str]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"origin": pl.UInt32, "text": pl.String}, orient="row")


def link_runs(page: str) -> Iterator[str]:
    """Yield the runs of three or more lines of at most seven words that don't end like a sentence."""
    run: list[str] = []
    for line in [*_lines(page), "."]:
        if len(line.split()) <= _LINK_WORDS and not line.endswith(_SENTENCE_END):
            run.append(line)
            continue
        if len(run) >= _FEWEST_LINKS:
            yield "\n".join(run)
        run = []


def _paragraphs(page: str) -> Iterator[str]:
    return (line for line in _lines(page) if len(line.split()) >= _PARAGRAPH_WORDS and line.endswith(_SENTENCE_END))


def _lines(page: str) -> list[str]:
    return [stripped for line in page.split("\n") if (stripped := line.strip())]
