"""Which document of each cluster of duplicates is kept: decided from stored edges, without text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from datamix.dedup.edges import Edges
from datamix.dedup.jaccard import Rows
from datamix.errors import SpecError, nearest
from datamix.kernels.election import join_keepers
from datamix.kernels.minhash import Signatures
from datamix.spec.project import Preference

NO_DUPLICATE, EXACT, NEAR = 0, 1, 2


@dataclass(frozen=True)
class Election:
    """The outcome of `elect`.

    Args:
        keeper: int64 [n], the row that leads the row's cluster; itself where it leads.
        duplicate: uint8 [n]: NO_DUPLICATE, EXACT or NEAR, what an eligible row is to its keeper; NO_DUPLICATE where a
            row is not eligible, since it goes for other reasons.
    """

    keeper: Rows
    duplicate: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Signed:
    """The signatures of documents that were not compared with all that share a band: see `Pairs.crowded`.

    Args:
        rows: int64 [k], the documents.
        signatures: uint32 [k, permutations], read-only.
        accept_from: agreeing values that are enough, from `least_agreement`.
    """

    rows: Rows
    signatures: Signatures
    accept_from: int


def elect(rank: Rows, eligible: npt.NDArray[np.bool_], exact_group: Rows, edges: Edges, signed: Signed) -> Election:
    """Elect keepers: in order of preference, a document joins its most preferred accepted keeper, or becomes one.

    A keeper is accepted where an edge joins the two. Of two documents that were not compared with all others, it is
    also accepted where it is two edges away and their signatures agree well enough. Rows of equal text count as one,
    by their most preferred eligible member. So every member of a cluster is similar to its keeper, by an edge or by
    its signature, chains are split, and no two kept documents are joined by an edge. Rows that are not eligible come
    after all that are: they join the most preferred keeper that accepts them, or lead a cluster of their own kind.

    Args:
        rank: int64 [n], a permutation of 0..n-1; 0 is the most preferred.
        eligible: bool [n]: what may be kept.
        exact_group: int64 [n], the same number for equal texts.
        edges: between any rows of the groups.
        signed: signatures of those that were not compared with all others; equal ones for equal texts.

    Raises:
        ValueError: there are 2^32 rows or more.
    """
    n = len(rank)
    if n >= 1 << 32:
        raise ValueError(f"{n:,} rows, fewer than 2^32 expected: an edge is one 64-bit number")
    by_rank = np.empty(n, np.int64)
    by_rank[rank] = np.arange(n)
    order = np.concatenate((by_rank[eligible[by_rank]], by_rank[~eligible[by_rank]]))
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)

    # From here on a document's number is its place in the order, and a group's number is that of its first member.
    _, first, group = np.unique(exact_group[order], return_index=True, return_inverse=True)
    head = first[group]
    a, b = head[place[edges.a]], head[place[edges.b]]
    keeper = np.arange(n)
    _join(a[a != b], b[a != b], head[place[signed.rows]], signed, keeper)

    duplicate = np.where(head != np.arange(n), EXACT, np.where(keeper != np.arange(n), NEAR, NO_DUPLICATE))
    duplicate[np.count_nonzero(eligible) :] = NO_DUPLICATE
    return Election(order[keeper[head]][place], duplicate.astype(np.uint8)[place])


def _join(a: Rows, b: Rows, signed_as: Rows, signed: Signed, keeper: Rows) -> None:
    """Join documents to keepers along the edges (a, b); `signed_as` are the documents that `signed` is of.

    Only documents with edges are numbered for it, in the same order: most have none.
    """
    joined = np.zeros(len(keeper), np.bool_)
    joined[a] = joined[b] = True
    ends = np.flatnonzero(joined)
    number = np.empty(len(keeper), np.int64)
    number[ends] = np.arange(len(ends))
    row = np.full(len(keeper), -1, np.int64)
    row[signed_as] = np.arange(len(signed_as))
    a, b = number[a].astype(np.uint64), number[b].astype(np.uint64)
    edges = np.concatenate((a << np.uint64(32) | b, b << np.uint64(32) | a))
    edges.sort()
    own = np.arange(len(ends))
    join_keepers(edges, signed.signatures, row[ends], signed.accept_from, own)
    keeper[ends] = ends[own]


def preference_rank(columns: pl.DataFrame, prefer: Sequence[Preference]) -> Rows:
    """Rank documents by `prefer`, then text_hash, then doc_id, so that no two are equal; null and NaN come last.

    With nothing preferred it is the order that does not depend on files and shards, in which `find_edges` wants rows.

    Args:
        columns: text_hash, doc_id and the preferred columns.
        prefer: the keys, most important first.

    Returns:
        int64 [n]: each row's place, 0 for the most preferred.

    Raises:
        SpecError: there is no such column to prefer.
    """
    for preference in prefer:
        if preference.column not in columns.columns:
            raise SpecError(
                f"dedup.prefer: there is no column {preference.column!r}{nearest(preference.column, columns.columns)}"
            )
    keys = [pl.col(preference.column) for preference in prefer]
    keys = [
        key.fill_nan(None) if columns.schema[preference.column].is_float() else key
        for key, preference in zip(keys, prefer, strict=True)
    ]
    order = columns.select(
        pl.arg_sort_by(
            [*keys, "text_hash", "doc_id"],
            descending=[*(preference.descending for preference in prefer), False, False],
            nulls_last=True,
        )
    ).to_series()
    rank = np.empty(columns.height, np.int64)
    rank[order.to_numpy()] = np.arange(columns.height)
    return rank
