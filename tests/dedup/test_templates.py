"""Clusters too large to be compared pairwise: one page with some other words below it."""

from __future__ import annotations

import functools
import random
from pydoc_data.topics import topics

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from datamix.dedup.bands import least_agreement
from datamix.dedup.edges import Edges, find_pairs
from datamix.dedup.jaccard import Rows, ShingleSets, jaccard_of_sets, shingle_sets
from datamix.dedup.keepers import NEAR, NO_DUPLICATE, Election, Signed, elect
from datamix.signals.signatures import SignatureFamily, signature_matrix
from datamix.spec.project import Near

DOCUMENTS = 2_000


@functools.cache
def cluster() -> tuple[ShingleSets, Edges, Signed, Rows]:
    """Return the documents' sets, edges and signatures, and their rank by length: none of it depends on text order."""
    words = " ".join(topics[name] for name in sorted(topics)).split()
    chance = random.Random(3)  # noqa: S311 - a fixed seed
    texts = []
    for i in range(DOCUMENTS):
        start = chance.randrange(1_000, len(words) - 20)
        texts.append(" ".join([*words[:200], *words[start : start + chance.randrange(16)], f"n{i}"]))
    measured = SignatureFamily().measure(pa.array(texts, pa.large_string()))
    signatures = signature_matrix(measured["signature"])
    sets = shingle_sets(pa.array(texts, pa.large_string()), 5)
    pairs = find_pairs(signatures, measured["shingles"].to_numpy(), Near())
    rows = pairs.in_doubt()
    edges = pairs.decide(0.8, rows, shingle_sets(pa.array([texts[row] for row in rows], pa.large_string()), 5))
    crowded = np.flatnonzero(pairs.crowded)
    own = signatures[crowded]
    own.setflags(write=False)
    rank = np.empty(DOCUMENTS, np.int64)
    rank[sorted(range(DOCUMENTS), key=lambda row: (-len(texts[row]), row))] = np.arange(DOCUMENTS)
    return sets, edges, Signed(crowded, own, least_agreement(0.8, 128)), rank


def election(eligible: npt.NDArray[np.bool_], edges: Edges, signed: Signed) -> tuple[Election, int]:
    result = elect(cluster()[3], eligible, np.arange(DOCUMENTS), edges, signed)
    return result, int((eligible & (result.duplicate == NO_DUPLICATE)).sum())


@functools.cache
def all_edges() -> Edges:
    a, b = np.triu_indices(DOCUMENTS, 1)
    jaccard = jaccard_of_sets(cluster()[0], a, b)
    edge = jaccard >= 0.8
    return Edges(a[edge], b[edge], jaccard[edge].astype(np.float32), edge[edge])


@pytest.mark.parametrize("dropped", [0, 200, 1_000], ids="the first {} are dropped".format)
def test_nearly_as_few_are_kept_as_if_all_were_compared(dropped: int) -> None:
    sets, edges, signed, _ = cluster()
    eligible = np.arange(DOCUMENTS) >= dropped
    assert len(edges) < 30 * DOCUMENTS
    none = Signed(signed.rows[:0], signed.signatures[:0], 1)
    _, at_best = election(eligible, all_edges(), none)
    result, kept = election(eligible, edges, signed)
    assert kept <= 2 * at_best + 5
    _, by_edges_alone = election(eligible, edges, none)
    assert by_edges_alone > 10 * kept

    members = np.flatnonzero(result.duplicate == NEAR)
    similarity = jaccard_of_sets(sets, members, result.keeper[members])
    assert similarity.min() > 0.7
    assert (similarity >= 0.8).mean() > 0.95
