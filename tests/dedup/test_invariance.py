from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from datamix.dedup.bands import least_agreement
from datamix.dedup.edges import Edges, find_pairs
from datamix.dedup.exact import distinct_rows, exact_groups
from datamix.dedup.jaccard import shingle_sets
from datamix.dedup.keepers import EXACT, NEAR, Signed, elect, preference_rank
from datamix.kernels.buffers import text_buffers
from datamix.signals.signatures import SignatureFamily, signature_matrix
from datamix.spec.project import Near, Preference

Fate = tuple[bytes, int]


def documents() -> list[tuple[bytes, str]]:
    """Return doc_id and text of five families of 100 variants, from nearly equal to unlike, and 30 copies."""
    rng = random.Random(11)  # noqa: S311 - a fixed seed
    texts = []
    for changes in (0, 2, 3, 4, 30):
        common = [str(rng.randrange(10**6)) for _ in range(300)]
        for _ in range(100):
            words = list(common)
            for place in rng.sample(range(300), changes):
                words[place] = str(rng.randrange(10**6, 10**7))
            texts.append(" ".join(words))
    texts += rng.sample(texts, 30)
    return [(f"{i:04}".encode(), text) for i, text in enumerate(texts)]


def as_read(signatures: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    signatures.setflags(write=False)
    return signatures


def fates(rows: list[tuple[bytes, str]]) -> dict[bytes, Fate]:
    """Find the duplicates among `rows` as they come; each document's keeper and what it is to it."""
    texts = pa.array([text for _, text in rows], pa.large_string())
    columns = pl.DataFrame(
        {
            "doc_id": [doc_id for doc_id, _ in rows],
            "text_hash": [text.encode()[:40] for _, text in rows],
            "words": [len(text.split()) for _, text in rows],
            "bytes": np.diff(text_buffers(texts)[1]),
        }
    )
    groups = exact_groups(pa.array([text for _, text in rows]))
    compared = distinct_rows(groups, preference_rank(columns, []))
    measured = SignatureFamily().measure(texts.take(pa.array(compared)))
    signatures = signature_matrix(measured["signature"])
    pairs = find_pairs(signatures, measured["shingles"].to_numpy(), Near())
    doubt = pairs.in_doubt()
    found = pairs.decide(0.8, doubt, shingle_sets(texts.take(pa.array(compared[doubt])), 5))
    crowded = np.flatnonzero(pairs.crowded)
    assert 100 < len(crowded) < 400
    signed = Signed(compared[crowded], as_read(signatures[crowded]), least_agreement(0.8, 128))
    edges = Edges(compared[found.a], compared[found.b], found.jaccard, found.exact)
    rank = preference_rank(columns, [Preference(column="bytes", descending=True)])
    eligible = np.array([doc_id[-1] != ord("0") for doc_id, _ in rows])
    election = elect(rank, eligible, groups, edges, signed)
    return {
        doc_id: (rows[keeper][0], duplicate)
        for (doc_id, _), keeper, duplicate in zip(
            rows, election.keeper.tolist(), election.duplicate.tolist(), strict=True
        )
    }


def test_the_order_of_documents_changes_no_fate() -> None:
    rows = documents()
    expected = fates(rows)
    kinds = [kind for _, kind in expected.values()]
    assert kinds.count(EXACT) > 80
    assert 200 < kinds.count(NEAR) < 400
    for seed in range(20):
        random.Random(seed).shuffle(rows)  # noqa: S311 - a fixed seed
        assert fates(rows) == expected
