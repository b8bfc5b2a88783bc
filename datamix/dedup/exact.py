"""Documents of equal text, found by the hash of their normalised text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from datamix.dedup.jaccard import Rows


def exact_groups(text_hash: pa.Array) -> Rows:
    """Number equal texts alike: int64 [n], 0 and up, from a column of text hashes without nulls."""
    groups: Rows = text_hash.dictionary_encode().indices.to_numpy().astype(np.int64)
    return groups


def distinct_rows(groups: Rows, rank: Rows) -> Rows:
    """Return one row of each group, its first by rank, in the order of rank: what `find_edges` compares.

    Args:
        groups: int64 [n] from `exact_groups`.
        rank: int64 [n], a permutation of 0..n-1: `preference_rank` with nothing preferred.
    """
    order = np.argsort(rank)
    _, first = np.unique(groups[order], return_index=True)
    return order[np.sort(first)]
