"""From hidden vectors to fastText's probabilities: the output layer, and one function for each kind of loss.

Every probability has fastText's own 1e-5 added (it reports exp(log(p + 1e-5))), at each node of the tree in
hierarchical softmax; so the greatest is 1.00001, and scores equal those of the library.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]

_OFFSET = 1e-5
_SIGMOID_LIMIT = 8.0
_SIGMOID_STEPS = 512


@kernel
def project(vectors: Floats, layer: Floats, out: Floats) -> None:
    """Write vectors @ layer.T to `out`, summed in float64 in one order, so that no batch or processor changes a bit.

    Args:
        vectors: float32 [n, dimensions].
        layer: float32 [outputs, dimensions].
        out: float32 [n, outputs], filled.
    """
    for i in range(vectors.shape[0]):
        for k in range(layer.shape[0]):
            total = 0.0
            for j in range(vectors.shape[1]):
                total += np.float64(vectors[i, j]) * np.float64(layer[k, j])
            out[i, k] = total


@kernel
def softmax(logits: Floats, out: Floats) -> None:
    """Fill `out`, float32 [n, labels], from float32 [n, labels - 1], each label's logit less that of the first."""
    for i in range(logits.shape[0]):
        greatest = 0.0
        for k in range(logits.shape[1]):
            greatest = max(greatest, np.float64(logits[i, k]))
        total = math.exp(-greatest)
        for k in range(logits.shape[1]):
            total += math.exp(logits[i, k] - greatest)
        out[i, 0] = math.exp(-greatest) / total + _OFFSET
        for k in range(logits.shape[1]):
            out[i, k + 1] = math.exp(logits[i, k] - greatest) / total + _OFFSET


@kernel
def one_vs_all(logits: Floats, out: Floats) -> None:
    """Fill `out`, float32 [n, labels], with the sigmoids of `logits` in fastText's 512 steps from -8 to 8."""
    for i in range(logits.shape[0]):
        for k in range(logits.shape[1]):
            x = logits[i, k]
            if x < -_SIGMOID_LIMIT:
                p = 0.0
            elif x > _SIGMOID_LIMIT:
                p = 1.0
            else:
                step = math.floor((x + _SIGMOID_LIMIT) * (_SIGMOID_STEPS / _SIGMOID_LIMIT / 2))
                p = 1 / (1 + math.exp(_SIGMOID_LIMIT - step * (2 * _SIGMOID_LIMIT / _SIGMOID_STEPS)))
            out[i, k] = p + _OFFSET


@kernel
def hierarchical_softmax(logits: Floats, left: Nodes, right: Nodes, out: Floats) -> None:
    """Fill `out`, float32 [n, labels], by walking the tree from its root, the last inner node.

    Args:
        logits: float32 [n, labels - 1], of the inner nodes.
        left: int32 [labels - 1], each inner node's left child; inner node i has number labels + i, a leaf its label's.
        right: int32 [labels - 1].
        out: filled.
    """
    inner, labels = logits.shape[1], out.shape[1]
    reached = np.empty(inner + labels, np.float64)
    for i in range(logits.shape[0]):
        reached[inner + labels - 1] = 1.0
        for node in range(inner - 1, -1, -1):
            p = 1 / (1 + math.exp(-logits[i, node]))
            reached[left[node]] = reached[labels + node] * (1 - p + _OFFSET)
            reached[right[node]] = reached[labels + node] * (p + _OFFSET)
        for k in range(labels):
            out[i, k] = reached[k]
