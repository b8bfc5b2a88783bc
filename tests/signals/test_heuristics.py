from __future__ import annotations

import pickle
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.signals.family import Family
from datamix.signals.heuristics import HeuristicsFamily
from tests.kernels import heuristics_oracle as oracle

PAGE = """Annual report # 12

The town of Ely and the county have grown... It is time to act!
- first item
• second item…
Read more about it here, with care, at http://example.com/a-b.
We use cookies to improve your visit to this site.
Please enable JavaScript to see the rest of this page.
Read more about it here, with care, at http://example.com/a-b.
"""


def measure(batch: list[str]) -> list[dict[str, float]]:
    family: Family = HeuristicsFamily()
    columns = family.measure(pa.array(batch, pa.large_string()))
    assert [(name, array.type) for name, array in columns.items()] == [(c.name, c.type) for c in family.columns]
    return pa.table(columns).to_pylist()  # type: ignore[no-any-return]


def test_a_page_by_hand() -> None:
    (page,) = measure([PAGE])
    words = [word for chunk in PAGE.split() for word in oracle.words(chunk)]
    assert page["hash_to_word_ratio"] == 1 / len(words)
    assert page["ellipsis_to_word_ratio"] == 2 / len(words)
    assert page["bullet_lines_fraction"] == 2 / 9
    assert page["ellipsis_lines_fraction"] == 1 / 9
    assert page["stop_words"] == 6  # the, to, of, and, have, with
    assert page["c4_lines"] == 3
    assert page["c4_sentences"] == 3  # an ellipsis ends none
    assert page["c4_unpunctuated_lines"] == 4
    assert page["c4_policy_lines"] == 1
    assert page["c4_javascript_lines"] == 1
    assert page["terminal_lines_fraction"] == 5 / 8
    assert page["short_lines_fraction"] == 3 / 8
    repeated = "Read more about it here, with care, at http://example.com/a-b."
    assert page["duplicate_line_characters_fraction"] == len(repeated) / (len(PAGE) - 9)
    assert page["newline_to_word_ratio"] == 9 / len(words)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("Here is lorem ipsum dolor sit amet.", "c4_lorem_ipsum_lines"),
        ("A function { of this } page.", "c4_curly_bracket_lines"),
        ("Two words.", "c4_few_word_lines"),
        ("One very " + "l" * 1001 + " word.", "c4_long_word_lines"),
        ("It goes on and on...", "c4_unpunctuated_lines"),
        ("See our Terms of Use for more.", "c4_policy_lines"),
        ("So the source says.[3][citation needed]", "c4_lines"),
    ],
)
def test_each_line_of_c4_counts_once(line: str, column: str) -> None:
    (measured,) = measure([line])
    assert {name for name, value in measured.items() if name.startswith("c4_") and value} - {"c4_sentences"} == {column}


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000"])
def test_texts_without_words_have_zeros(text: str) -> None:
    (measured,) = measure([text])
    assert all(value == 0 for name, value in measured.items() if name not in ("c4_unpunctuated_lines",))


@pytest.mark.parametrize("text", ["\0", "שלום עולם", "中文句子。", "ภาษาไทย", "🙂🙂 🙂", "a", "#", "..."])
def test_any_script_has_defined_values(text: str) -> None:
    (measured,) = measure([text])
    for name, value in measured.items():
        assert np.isfinite(value), name
        assert 0 <= value <= (1 if name.endswith("fraction") else np.inf), name


@pytest.mark.parametrize("corpus", ["web_html_wetlike_en", "forum_20newsgroups", "math"])
def test_ratios_of_real_documents(shared_data: Path, corpus: str) -> None:
    column = pq.read_table(shared_data / "corpus" / f"{corpus}.parquet", columns=["text"]).column("text")
    batch = [text[:5000] for text in column.slice(0, 30).to_pylist()]
    for text, measured in zip(batch, measure(batch), strict=True):
        counts = oracle.counts(text)
        assert measured["gopher_words"] == counts["NON_SYMBOL_WORDS"]
        assert measured["mean_word_length"] == counts["NON_SYMBOL_CHARACTERS"] / counts["NON_SYMBOL_WORDS"]
        assert measured["alpha_words_fraction"] == counts["ALPHA_WORDS"] / counts["WORDS"]
        assert measured["stop_words"] == counts["STOP_WORDS"].bit_count()
        assert measured["c4_sentences"] == counts["C4_SENTENCES"]
        assert measured["terminal_lines_fraction"] == counts["TERMINAL_LINES"] / counts["FILLED_LINES"]


def test_the_order_of_documents_changes_nothing(shared_data: Path) -> None:
    column = pq.read_table(shared_data / "corpus" / "web_genres_ewt_webtext.parquet", columns=["text"]).column("text")
    batch = column.slice(0, 200).to_pylist()
    assert measure(batch[::-1])[::-1] == measure(batch)


def test_definition_names_unicode_and_travels() -> None:
    family = pickle.loads(pickle.dumps(HeuristicsFamily()))  # noqa: S301
    assert family == HeuristicsFamily()
    assert family.definition()["unicode"] == unicodedata.unidata_version


def test_names_are_unique_and_described() -> None:
    columns = HeuristicsFamily().columns
    assert len({column.name for column in columns}) == len(columns)
    assert all(any(paper in column.description for paper in ("Gopher", "C4", "FineWeb")) for column in columns)
