"""Which texts train and which test, so that no test text has a near-duplicate among those that train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from datamix.dedup.edges import find_edges
from datamix.signals.signatures import SignatureFamily, signature_matrix
from datamix.spec.project import Near

NEAR = Near(ngram=3, permutations=128, threshold=0.6)
"""Stricter than for a corpus: a test text that shares most of its three-word runs with a training text is no test."""


def clusters(texts: pa.LargeStringArray, origins: Sequence[str] | None = None) -> npt.NDArray[np.int64]:
    """Number texts alike that are linked by near-duplicates, by equal words, or by a common origin.

    Args:
        texts: large_string [n].
        origins: n names of what the texts were cut from, or None.

    Returns:
        int64 [n]: for each text the smallest row of its cluster.
    """
    words = [" ".join(text.split()) for text in texts.to_pylist()]
    hashes = [xxhash.xxh3_128_digest(text.encode()) for text in words]
    first: dict[bytes, int] = {}
    for row in range(len(words)):
        first.setdefault(hashes[row], row)
    rows = np.array([first[key] for key in sorted(first)], np.int64)

    signed = SignatureFamily(NEAR.ngram, NEAR.permutations).measure(texts.take(pa.array(rows)))
    edges = find_edges(
        signature_matrix(signed["signature"]),
        signed["shingles"].to_numpy(),
        NEAR,
        lambda some: texts.take(pa.array(rows[some])),
    )
    forest = _Forest(len(words))
    forest.join(zip(rows[edges.a].tolist(), rows[edges.b].tolist(), strict=True))
    forest.join((first[key], row) for row, key in enumerate(hashes))
    if origins is not None:
        leader: dict[str, int] = {}
        forest.join((leader.setdefault(origin, row), row) for row, origin in enumerate(origins))
    return np.array([forest.root(row) for row in range(len(words))], np.int64)


def draw_test_part(
    texts: pa.LargeStringArray, cluster: npt.NDArray[np.int64], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Return bool [n], true for the texts of about a `share` of the clusters.

    A cluster is drawn by a keyed hash of its texts, so neither their order nor other texts change where it goes.
    """
    names: dict[int, int] = {}
    for text, root in zip(texts.to_pylist(), cluster.tolist(), strict=True):
        number = xxhash.xxh3_64_intdigest(text.encode(), seed)
        names[root] = min(names.get(root, number), number)
    bound = int(share * 2**64)
    drawn = {root: xxhash.xxh3_64_intdigest(name.to_bytes(8, "little"), seed) < bound for root, name in names.items()}
    return np.array([drawn[root] for root in cluster.tolist()], np.bool_)


class _Forest:
    """Disjoint sets of rows; a set's root is its smallest row."""

    def __init__(self, rows: int) -> None:
        self._parent = list(range(rows))

    def root(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(self, pairs: Iterable[tuple[int, int]]) -> None:
        for a, b in pairs:
            low, high = sorted((self.root(a), self.root(b)))
            self._parent[high] = low
