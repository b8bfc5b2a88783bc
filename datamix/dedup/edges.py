"""Verified pairs of near-duplicates: bands bring candidates together, estimates decide most, texts the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.dedup.bands import choose_bands, verdict_bounds
from datamix.dedup.jaccard import Rows, ShingleSets, distinct, jaccard_of_sets, shingle_sets
from datamix.kernels.candidates import agreements, band_keys, judge_buckets
from datamix.spec.project import Near

Texts = Callable[[Rows], pa.LargeStringArray]

_KEYS_BYTES = 1 << 30
_PENDING_PAIRS = 1 << 22


@dataclass(frozen=True)
class Edges:
    """Pairs of near-duplicates, sorted by (a, b), each pair once.

    Args:
        a: int64 [pairs], a row.
        b: int64 [pairs], a row; a < b.
        jaccard: float32 [pairs], exact or estimated.
        exact: bool [pairs], whether `jaccard` is that of the texts, not the estimate from the signatures.
    """

    a: Rows
    b: Rows
    jaccard: npt.NDArray[np.float32]
    exact: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True)
class Pairs:
    """Candidates that their signatures do not refuse, sorted by (a, b), each pair once.

    Args:
        a: int64 [pairs], a row.
        b: int64 [pairs], a row; a < b.
        estimate: float64 [pairs], the estimated Jaccard similarity.
        accepted: bool [pairs], whether the estimate is enough; else the texts decide.
        crowded: bool [rows], whether a row shares a band with so many that it was not compared with all of them.
    """

    a: Rows
    b: Rows
    estimate: npt.NDArray[np.float64]
    accepted: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]

    def in_doubt(self) -> Rows:
        """Return the rows whose texts are needed, int64, ascending."""
        return distinct(np.concatenate((self.a[~self.accepted], self.b[~self.accepted])))

    def decide(self, threshold: float, rows: Rows, sets: ShingleSets) -> Edges:
        """Return the pairs that are edges.

        Args:
            threshold: the least Jaccard similarity.
            rows: int64 [k], those `in_doubt` in any order.
            sets: their shingles, in the same order.
        """
        by_row = np.argsort(rows)
        doubt = np.flatnonzero(~self.accepted)
        a, b = (by_row[np.searchsorted(rows, side[doubt], sorter=by_row)] for side in (self.a, self.b))
        in_order = np.argsort(b, kind="stable")  # of the sets of `b`: those of the few heads of buckets stay at hand
        jaccard = self.estimate.copy()
        jaccard[doubt[in_order]] = jaccard_of_sets(sets, a[in_order], b[in_order])
        edge = self.accepted | (jaccard >= threshold)
        return Edges(self.a[edge], self.b[edge], jaccard[edge].astype(np.float32), ~self.accepted[edge])


def find_edges(signatures: npt.NDArray[np.uint32], shingles: npt.NDArray[np.int32], near: Near, texts: Texts) -> Edges:
    """Find the pairs of documents whose Jaccard similarity reaches the threshold, of texts that fit the memory.

    Args:
        signatures: as for `find_pairs`.
        shingles: as for `find_pairs`.
        near: words in a shingle, permutations and threshold.
        texts: gives the texts of some rows (ascending), asked once for those that signatures leave in doubt.

    Raises:
        ValueError: as `find_pairs`.
    """
    pairs = find_pairs(signatures, shingles, near)
    rows = pairs.in_doubt()
    return pairs.decide(near.threshold, rows, shingle_sets(texts(rows), near.ngram))


def find_pairs(signatures: npt.NDArray[np.uint32], shingles: npt.NDArray[np.int32], near: Near) -> Pairs:
    """Find the pairs of documents that share a band and whose signatures do not refuse them.

    The rows' order decides who is compared with whom in large buckets, so it has to be one that does not depend on
    files or shards: by (text hash, doc_id). Give one row for each distinct text, else all its copies are compared.

    Args:
        signatures: uint32 [n, permutations], C-contiguous; may be a memory map.
        shingles: int32 [n]; rows with 0 are compared with nothing.
        near: permutations and threshold.

    Raises:
        ValueError: the signatures don't have `near.permutations` values, or there are 2^32 rows or more.
    """
    if signatures.shape[1:] != (near.permutations,):
        raise ValueError(f"signatures of shape {signatures.shape}, expected [n, {near.permutations}]")
    if len(signatures) >= 1 << 32:
        raise ValueError(f"{len(signatures):,} rows, fewer than 2^32 expected: a pair of rows is one 64-bit number")
    frozen = np.asarray(signatures).view()
    frozen.setflags(write=False)  # one compiled kernel, whether memory-mapped or not
    crowded = np.zeros(len(frozen), np.bool_)
    pairs = _candidates(frozen, np.flatnonzero(shingles > 0), near, crowded)
    a = (pairs >> np.uint64(32)).astype(np.int64)
    b = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    agreed = np.empty(len(pairs), np.int32)
    agreements(frozen, a, b, agreed)
    accept_from, _ = verdict_bounds(near.threshold, near.permutations)
    return Pairs(a, b, agreed / near.permutations, agreed >= accept_from, crowded)


def _candidates(
    signatures: npt.NDArray[np.uint32], members: Rows, near: Near, crowded: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint64]:
    """Return the pairs that are not refused by their estimates, sorted, as a * 2^32 + b; set `crowded`."""
    bands, rows = choose_bands(near.threshold, near.permutations)
    bounds = verdict_bounds(near.threshold, near.permutations)
    row_bits = np.uint64(len(signatures).bit_length())
    pairs = np.empty(0, np.uint64)
    pending: list[npt.NDArray[np.uint64]] = []
    for keys in _sorted_bands(signatures, members, bands, rows, row_bits):
        pending.append(judge_buckets(keys, row_bits, signatures, *bounds, crowded))
        if sum(map(len, pending)) > max(_PENDING_PAIRS, len(pairs)):
            pairs = distinct(np.concatenate((pairs, *pending)))
            pending = []
    return distinct(np.concatenate((pairs, *pending)))


def _sorted_bands(
    signatures: npt.NDArray[np.uint32], members: Rows, bands: int, rows: int, row_bits: np.uint64
) -> Iterator[npt.NDArray[np.uint64]]:
    """Yield each band's sorted keys; a pass over the signatures gives as many bands as fit the memory for keys."""
    at_once = max(1, _KEYS_BYTES // (8 * max(1, len(members))))
    for first in range(0, bands, at_once):
        keys = np.empty((min(at_once, bands - first), len(members)), np.uint64)
        band_keys(signatures, members, first, rows, row_bits, keys)
        keys.sort(axis=1)
        yield from keys
