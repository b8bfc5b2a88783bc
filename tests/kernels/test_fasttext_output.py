from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels.fasttext_output import hierarchical_softmax, one_vs_all, project, softmax
from datamix.signals.fasttext_fold import huffman_tree


def test_project_is_a_product_of_matrices() -> None:
    source = np.random.default_rng(1)
    vectors, layer = source.normal(size=(7, 5)).astype(np.float32), source.normal(size=(3, 5)).astype(np.float32)
    out = np.empty((7, 3), np.float32)
    project(vectors, layer, out)
    np.testing.assert_allclose(out, vectors.astype(float) @ layer.astype(float).T, rtol=1e-6)


@pytest.mark.parametrize("labels", [1, 2, 5])
def test_softmax_counts_from_the_first_label(labels: int) -> None:
    logits = (np.random.default_rng(2).normal(size=(6, labels)) * 50).astype(np.float32)
    out = np.empty((6, labels), np.float32)
    softmax(np.ascontiguousarray(logits[:, 1:] - logits[:, :1]), out)
    shares = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(out, shares / shares.sum(axis=1, keepdims=True) + 1e-5, atol=2e-6)


def test_one_vs_all_goes_by_steps() -> None:
    logits = np.array([[-9, -8, -0.01, 0, 0.01, 0.04, 7.99, 8, 9, 1e30, -1e30]], np.float32)
    out = np.empty_like(logits)
    one_vs_all(logits, out)
    steps = np.floor((np.clip(logits, -8, 8) + 8) * 32) / 32 - 8
    expected = np.where(logits < -8, 0, np.where(logits > 8, 1, 1 / (1 + np.exp(-steps))))
    np.testing.assert_allclose(out, expected + 1e-5, atol=1e-7)


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60).map(lambda counts: sorted(counts, reverse=True)))
def test_the_tree_shares_out_one(counts: list[int]) -> None:
    left, right = huffman_tree(counts)
    labels = len(counts)
    assert sorted([*left, *right]) == list(range(2 * labels - 2))  # every node but the root has one parent
    logits = np.random.default_rng(3).normal(size=(4, labels - 1)).astype(np.float32)
    out = np.empty((4, labels), np.float32)
    hierarchical_softmax(logits, left, right, out)
    depth = np.zeros(2 * labels - 1)
    for inner in range(labels - 2, -1, -1):
        depth[[left[inner], right[inner]]] = depth[labels + inner] + 1
    assert (np.diff(depth[:labels]) >= 0).all() or len(set(counts)) < labels  # frequent labels lie near the root
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=3e-5 * max(1, depth.max()))
