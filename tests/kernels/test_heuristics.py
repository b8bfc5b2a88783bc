from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamix.kernels import tallies
from datamix.kernels.buffers import text_buffers
from datamix.kernels.heuristics import count_heuristics, most_lines
from datamix.kernels.unicode import code_points
from tests.kernels import heuristics_oracle as oracle

CORPORA = (
    "biomed",
    "blog",
    "code",
    "encyclopedic",
    "forum_20newsgroups",
    "legal_dc_code",
    "legal_scotus_oral",
    "math",
    "news",
    "qa_dialogue",
    "software_docs",
    "web_dragnet_main_comments",
    "web_genres_ewt_webtext",
    "web_html_wetlike_en",
)

FRAGMENTS = (
    *"aAnTt7 \n\t\r.,;:!?'\"`()[]{}<>_#*&%=$+-~/@^|\\\x00\x1c\x85",
    *("…", "’", "“", "‘", "—", "–", "•", "é", "É", "中", "。", "ไ", "า", "ש", "🙂", "\u200d", "①", "\u3000", "\u2028"),
    *("the", "of", "and", "Mr", "Sept", "e.g.", "U.S.", "end.Start", "n't", "'ll", "...", "--", "[12]", "[edit]"),
    *("[citation needed]", "http://", "lorem ipsum", "Lorem\nipsum", "JavaScript", "use of cookies", "Privacy Policy"),
    *("word ", "One two three. ", "- ", "\r\n", "x" * 8, "y" * 1001),
)
texts = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
)


def count(batch: list[str]) -> list[dict[str, int]]:
    data, offsets = text_buffers(pa.array(batch, pa.large_string()))
    lines = most_lines(data, offsets)
    counts = np.full((len(batch), tallies.N_COUNTS), -1, np.int64)
    count_heuristics(
        data,
        offsets,
        code_points().flags,
        np.empty(tallies.N_SLOTS, np.int64),
        np.empty((lines, 3), np.int64),
        np.empty(1 << (2 * lines - 1).bit_length(), np.int32),
        counts,
    )
    slots = {name: slot for name, slot in vars(tallies).items() if isinstance(slot, int) and slot < tallies.N_COUNTS}
    return [{name: int(row[slot]) for name, slot in slots.items()} for row in counts]


@pytest.mark.parametrize("corpus", CORPORA)
def test_real_documents_count_as_the_oracle_does(shared_data: Path, corpus: str) -> None:
    column = pq.read_table(shared_data / "corpus" / f"{corpus}.parquet", columns=["text"]).column("text")
    batch = [text[:20_000] for text in column.take(list(range(0, len(column), len(column) // 12))).to_pylist()]
    assert count(batch) == [oracle.counts(text) for text in batch]


@settings(deadline=None, max_examples=200)
@given(st.lists(texts, max_size=4))
@example(["", " ", "\n", "\r\n", "\n\r", "a", ".", "\x00", "…", "🙂"])
def test_any_texts_count_as_the_oracle_does(batch: list[str]) -> None:
    assert count(batch) == [oracle.counts(text) for text in batch]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="aAbBtTnN'’.-,:/=+*17@…—_[]%$ ", max_size=80))
def test_words_with_signs_count_as_the_oracle_does(text: str) -> None:
    assert count([text]) == [oracle.counts(text)]


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        ("plain", 1),
        ("(quoted),", 4),
        ("end.", 2),
        ("U.S.", 1),
        ("Mr.", 1),
        ("e.g.,", 2),
        ("wait...", 2),
        ("don't", 2),
        ("it’s", 2),
        ("we'll", 2),
        ("o'clock", 1),
        ("x.", 1),
        ("(x.", 2),
        ("S.", 1),
        ("NATO.", 2),
        ("and—so", 3),
        ("1,000", 1),
        ("a,b", 3),
        ("7-up", 3),
        ("--I", 1),
        ("+1", 1),
        ("+a", 2),
        ("file.py", 1),
        ("a---b", 3),
        ("a----b", 1),
        ("well-known", 3),
        ("3.14", 1),
        ("50%", 2),
        ("$5", 2),
        ("2*3", 3),
        ("end.Start", 3),
        ("https://example.com/a-b", 1),
        ("name@example.com.", 2),
        ("done.[12]", 5),
        ("“Yes!”", 4),
    ],
)
def test_words(chunk: str, words: int) -> None:
    assert count([chunk])[0]["WORDS"] == words == len(oracle.words(chunk))


def test_an_empty_batch_and_a_slice() -> None:
    assert count([]) == []
    texts = pa.array(["skipped. \n" * 3, "kept words here.", "skipped"], pa.large_string())
    data, offsets = text_buffers(texts.slice(1, 1))
    assert most_lines(data, offsets) == 1


def test_malformed_bytes_are_safe() -> None:
    broken = pa.array([b"\xff\xfe \xe2\x80", b"\xf0\x9f\x99 \x80.\xc3"], pa.large_binary())
    data, offsets = text_buffers(broken)
    counts = np.empty((2, tallies.N_COUNTS), np.int64)
    scratch = (np.empty(tallies.N_SLOTS, np.int64), np.empty((1, 3), np.int64), np.empty(2, np.int32))
    count_heuristics(data, offsets, code_points().flags, *scratch, counts)
    assert counts[:, tallies.CHARACTERS].tolist() == [5, 7]


def test_repeated_and_unique_lines_take_linear_time() -> None:
    n = 100_000
    batch = ["same line\n" * n, "".join(f"{k:09d}\n" for k in range(n))]
    started = time.thread_time()
    same, unique = count(batch)
    assert time.thread_time() - started < 5
    assert same["DUPLICATE_CHARACTERS"] == 9 * (n - 1)
    assert unique["DUPLICATE_CHARACTERS"] == 0
