from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.dedup.jaccard import jaccard_of_sets, shingle_sets

TEXTS = st.lists(st.text(st.sampled_from("ab \n"), max_size=60), min_size=1, max_size=6)


def strings(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


def sets_of_words(text: str, ngram: int) -> set[tuple[str, ...]]:
    words = [word.lower() for word in re.findall(r"\w+", text)]
    return {tuple(words[i : i + ngram]) for i in range(len(words) - ngram + 1)}


@given(TEXTS, st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_equal_to_pythons_sets(texts: list[str], ngram: int) -> None:
    rows = np.arange(len(texts))
    similarities = jaccard_of_sets(shingle_sets(strings(texts), ngram), rows, rows[::-1].copy())
    for similarity, text, other in zip(similarities, texts, texts[::-1], strict=True):
        a, b = sets_of_words(text, ngram), sets_of_words(other, ngram)
        assert similarity == (len(a & b) / len(a | b) if a | b else 0.0)


def test_sets_are_sorted_and_distinct() -> None:
    sets = shingle_sets(strings(["a b a b a b", "", "b a b"]), 2)
    assert np.diff(sets.bounds).tolist() == [2, 0, 2]
    np.testing.assert_array_equal(sets.hashes[:2], sets.hashes[2:])
    assert sets.hashes[0] < sets.hashes[1]
    assert jaccard_of_sets(sets, np.array([0, 1, 1]), np.array([2, 1, 0])).tolist() == [1.0, 0.0, 0.0]


def test_many_documents_at_once() -> None:
    sets = shingle_sets(strings([f"{i % 7} {i % 3} x" for i in range(70_000)]), 2)
    a = np.arange(70_000 - 21)
    assert (np.diff(sets.bounds) == 2).all()
    assert (jaccard_of_sets(sets, a, a + 21) == 1.0).all()
    assert jaccard_of_sets(sets, a[:1], a[:1] + 3).tolist() == [1 / 3]


def test_no_documents() -> None:
    nothing = np.empty(0, np.int64)
    assert len(jaccard_of_sets(shingle_sets(strings([]), 5), nothing, nothing)) == 0


def test_equal_to_the_published_similarity_of_revisions(shared_data: Path) -> None:
    pairs = pl.read_parquet(shared_data / "neardup" / "git_revisions_pairs.parquet")
    texts = pl.read_parquet(shared_data / "neardup" / "git_revisions.parquet", columns=["id", "text"])
    sets = shingle_sets(texts["text"].to_arrow().cast(pa.large_string()), 5)
    rows = texts.with_row_index("row").select("id", pl.col("row").cast(pl.Int64))
    joined = pairs.join(rows, left_on="id_a", right_on="id").join(rows, left_on="id_b", right_on="id", suffix="_b")
    similarity = jaccard_of_sets(sets, joined["row"].to_numpy(), joined["row_b"].to_numpy())
    assert similarity == pytest.approx(joined["jaccard_w5"].to_numpy(), abs=1e-12)
