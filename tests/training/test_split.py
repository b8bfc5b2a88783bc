from __future__ import annotations

import itertools
import re

import numpy as np
import pyarrow as pa

from datamix.training.split import NEAR, clusters, draw_test_part
from tests.training.python_texts import labelled


def shingles(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + NEAR.ngram]) for i in range(len(words) - NEAR.ngram + 1)}


def with_variants():
    """Real paragraphs, each fifth of them a second time with a word appended and a third time in other white space."""
    texts = labelled(150).texts.to_pylist()
    return texts + [text + " indeed" for text in texts[::5]] + [text.replace("\n", " \n ") for text in texts[::5]]


def test_no_test_text_has_a_near_duplicate_that_trains():
    texts = with_variants()
    column = pa.array(texts, pa.large_string())
    in_test = draw_test_part(column, clusters(column), 0.3, seed=1)
    assert 0 < in_test.sum() < len(texts)
    sets = [shingles(text) for text in texts]
    for a, b in itertools.product(np.flatnonzero(in_test), np.flatnonzero(~in_test)):
        union = len(sets[a] | sets[b])
        assert union == 0 or len(sets[a] & sets[b]) / union < NEAR.threshold
        assert texts[a].split() != texts[b].split()


def test_the_part_of_a_text_depends_on_its_cluster_alone():
    texts = with_variants()
    order = np.random.default_rng(2).permutation(len(texts))
    column = pa.array(texts, pa.large_string())
    shuffled = column.take(pa.array(order))
    first = draw_test_part(column, clusters(column), 0.3, seed=1)
    assert (draw_test_part(shuffled, clusters(shuffled), 0.3, seed=1) == first[order]).all()
    fewer = column.slice(0, 40)
    alone = draw_test_part(fewer, clusters(fewer), 0.3, seed=1)
    assert (alone[1:5] == first[1:5]).all()  # those without a variant
    assert (draw_test_part(column, clusters(column), 0.3, seed=2) != first).any()


def test_texts_of_one_origin_stay_together():
    texts = pa.array(["the sun is up", "a cat sat down", "all is well here", "it rains again"], pa.large_string())
    assert clusters(texts).tolist() == [0, 1, 2, 3]
    assert clusters(texts, ["x", "y", "x", "z"]).tolist() == [0, 1, 0, 3]
    joined = pa.concat_arrays([texts, texts.slice(1, 1)])
    assert clusters(joined, ["x", "y", "x", "z", "z"]).tolist() == [0, 1, 0, 1, 1]


def test_about_the_share_is_drawn():
    texts = pa.array([f"document number {i}" for i in range(2000)], pa.large_string())
    drawn = draw_test_part(texts, np.arange(2000), 0.1, seed=1).sum()
    assert 150 < drawn < 250
