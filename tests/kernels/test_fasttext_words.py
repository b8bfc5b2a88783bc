from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels.fasttext_words import hash_words
from datamix.signals.fasttext_fold import empty_words, read_only
from tests.fasttext_models import fnv


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_words_and_hashes_are_fasttext_s(documents: list[bytes]) -> None:
    data = read_only(np.frombuffer(b"".join(documents) + b".", np.uint8))
    bounds = np.cumsum([0, *map(len, documents)])
    words = empty_words(len(data), len(documents))
    longest = hash_words(data, bounds[:-1], bounds[1:], words)
    expected = [[w for w in re.split(rb"[ \n\r\t\v\f\0]+", document) if w] for document in documents]
    flat = [word for document in expected for word in document]
    assert words.first.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
    spans = zip(words.starts[: len(flat)], words.ends[: len(flat)], strict=True)
    assert [data[a:b].tobytes() for a, b in spans] == flat
    assert (words.keys[: len(flat)] >> np.uint64(32)).tolist() == [fnv(word) for word in flat]
    assert longest == max(map(len, flat), default=0)


def test_keys_tell_words_of_equal_hash_apart() -> None:
    source = np.random.default_rng(1)
    letters = source.integers(97, 123, (300_000, 9), np.uint8)
    letters[:, -1] = ord(" ")
    data = read_only(letters.reshape(-1))
    words = empty_words(len(data), 1)
    hash_words(data, np.zeros(1, np.int64), np.full(1, len(data)), words)
    distinct = np.unique(letters, axis=0).shape[0]
    keys = words.keys[: len(letters)]
    assert np.unique(keys).size == distinct
    assert np.unique(keys >> np.uint64(32)).size < distinct  # the hash alone would mix some up
    assert keys.all()
