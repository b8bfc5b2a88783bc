from __future__ import annotations

import itertools
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels.buffers import text_buffers
from datamix.kernels.minhash import list_shingles, word_codes
from datamix.kernels.unicode import code_points

Hashes = npt.NDArray[np.uint64]

TEXTS = st.lists(st.text(st.sampled_from("ab cAB\nİßΣς_9é中ก\u200d\x00😀.")) | st.text(), max_size=5)


def words_of(text: str) -> list[str]:
    """The definition: runs of `\\w`, each code point in lower case by itself."""
    lower = code_points().lower
    return ["".join(chr(lower[ord(c)]) for c in word) for word in re.findall(r"\w+", text)]


def shingles_of(texts: pa.Array, ngram: int) -> list[Hashes]:
    data, offsets = text_buffers(texts)
    hashes, bounds = np.zeros(len(data) + len(texts), np.uint64), np.zeros(len(texts) + 1, np.int64)
    list_shingles(data, offsets, word_codes(), ngram, hashes, bounds)
    return [hashes[start:end] for start, end in itertools.pairwise(bounds)]


@given(TEXTS, st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_shingles_are_runs_of_words(texts: list[str], ngram: int) -> None:
    hash_of: dict[tuple[str, ...], int] = {}
    for text, hashes in zip(texts, shingles_of(pa.array(texts, pa.large_string()), ngram), strict=True):
        words = words_of(text)
        shingles = [tuple(words[i : i + ngram]) for i in range(len(words) - ngram + 1)]
        assert len(hashes) == len(shingles)
        for shingle, value in zip(shingles, hashes.tolist(), strict=True):
            assert hash_of.setdefault(shingle, value) == value
    assert len(set(hash_of.values())) == len(hash_of)


def test_order_and_case_of_words() -> None:
    first, upper, swapped, joined = shingles_of(
        pa.array(["ab c d", "AB-c, D", "c ab d", "a bc d"], pa.large_string()), 3
    )
    assert first == upper
    assert len({int(first[0]), int(swapped[0]), int(joined[0])}) == 3


@pytest.mark.parametrize("separator", [" ", "\n\n", " — "])
def test_long_documents_are_hashed_in_blocks_without_a_seam(separator: str) -> None:
    words = [f"w{i % 977}x{i}é" for i in range(10_000)]
    alone = pa.array([" ".join(words[i : i + 5]) for i in range(9_996)], pa.large_string())
    whole = pa.array(["", separator.join(words), ""], pa.large_string())
    before, long, after = shingles_of(whole, 5)
    np.testing.assert_array_equal(long, np.concatenate(shingles_of(alone, 5)))
    assert len(before) == len(after) == 0


def test_a_word_may_be_longer_than_a_block() -> None:
    giant = "x" * 50_000
    hashes = shingles_of(pa.array([f"a {giant} b {giant}y b", f"{giant} b"], pa.large_string()), 2)
    assert [len(h) for h in hashes] == [4, 1]
    assert hashes[0][1] == hashes[1][0]
    assert hashes[0][1] != hashes[0][3]


def test_malformed_bytes_part_words() -> None:
    broken = pa.array([b"a\xffb \xe4\xb8", b"a b", b"\xc3(a b)\xf0\x9f"], pa.large_binary())
    first, second, third = shingles_of(broken, 2)
    assert first == second == third


def test_a_slice_of_a_column() -> None:
    texts = pa.array(["one two", "three four", "five six"], pa.large_string())
    np.testing.assert_array_equal(shingles_of(texts.slice(1, 1), 2), shingles_of(texts, 2)[1:2])
