"""Verified pairs of near-duplicates: bands bring candidates together, estimates decide most, texts the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.dedup.bands import choose_bands, verdict_bounds
from datamix.dedup.jaccard import Rows, distinct, jaccard_of_sets, shingle_sets
from datamix.kernels.candidates import agreements, band_keys, judge_buckets
from datamix.spec.project import Near

Texts = Callable[[Rows], pa.LargeStringArray]

_KEYS_BYTES = 1 << 30
_PENDING_PAIRS = 1 << 22
_SHINGLES_AT_ONCE = 1 << 23


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


def find_edges(signatures: npt.NDArray[np.uint32], shingles: npt.NDArray[np.int32], near: Near, texts: Texts) -> Edges:
    """Find the pairs of documents whose Jaccard similarity reaches the threshold.

    The rows' order decides who is compared with whom in large buckets, so it has to be one that does not depend on
    files or shards: by (text hash, doc_id). Give one row for each distinct text, else all its copies are compared.

    Args:
        signatures: uint32 [n, permutations], C-contiguous; may be a memory map.
        shingles: int32 [n]; rows with 0 are compared with nothing.
        near: words in a shingle, permutations and threshold.
        texts: gives the texts of some rows (ascending), asked for pairs that signatures can't decide, a part at a time.

    Raises:
        ValueError: the signatures don't have `near.permutations` values, or there are 2^32 rows or more.
    """
    if signatures.shape[1:] != (near.permutations,):
        raise ValueError(f"signatures of shape {signatures.shape}, expected [n, {near.permutations}]")
    if len(signatures) >= 1 << 32:
        raise ValueError(f"{len(signatures):,} rows, fewer than 2^32 expected: a pair of rows is one 64-bit number")
    frozen = np.asarray(signatures).view()
    frozen.setflags(write=False)  # one compiled kernel, whether memory-mapped or not
    pairs = _candidates(frozen, np.flatnonzero(shingles > 0), near)
    a = (pairs >> np.uint64(32)).astype(np.int64)
    b = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    agreed = np.empty(len(pairs), np.int32)
    agreements(frozen, a, b, agreed)
    jaccard = agreed / near.permutations
    undecided = agreed < verdict_bounds(near.threshold, near.permutations)[0]
    jaccard[undecided] = _by_texts(a[undecided], b[undecided], shingles, near.ngram, texts)
    accepted = ~undecided | (jaccard >= near.threshold)
    return Edges(a[accepted], b[accepted], jaccard[accepted].astype(np.float32), undecided[accepted])


def _candidates(signatures: npt.NDArray[np.uint32], members: Rows, near: Near) -> npt.NDArray[np.uint64]:
    """Return the pairs that are not refused by their estimates, sorted, as a * 2^32 + b."""
    bands, rows = choose_bands(near.threshold, near.permutations)
    bounds = verdict_bounds(near.threshold, near.permutations)
    row_bits = np.uint64(len(signatures).bit_length())
    pairs = np.empty(0, np.uint64)
    pending: list[npt.NDArray[np.uint64]] = []
    for keys in _sorted_bands(signatures, members, bands, rows, row_bits):
        pending.append(judge_buckets(keys, row_bits, signatures, *bounds))
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


def _by_texts(a: Rows, b: Rows, shingles: npt.NDArray[np.int32], ngram: int, texts: Texts) -> npt.NDArray[np.float64]:
    """Return the exact Jaccard similarity of the rows a[i] and b[i].

    The pairs are taken in order of `b`, so that a text is read once, and those of the few rows that head large buckets
    once for each part; a part's size is bounded by its shingles, that is by its text.
    """
    order = np.lexsort((a, b))
    a, b = a[order], b[order]
    new = np.ones(len(b), np.bool_)
    new[1:] = b[1:] != b[:-1]
    part = np.cumsum(shingles[a].astype(np.int64) + shingles[b] * new) // _SHINGLES_AT_ONCE
    similarity = np.empty(len(a), np.float64)
    for pairs in np.split(np.arange(len(a)), np.flatnonzero(np.diff(part)) + 1):
        if len(pairs):
            rows = distinct(np.concatenate((a[pairs], b[pairs])))
            sets = shingle_sets(texts(rows), ngram)
            similarity[order[pairs]] = jaccard_of_sets(
                sets, np.searchsorted(rows, a[pairs]), np.searchsorted(rows, b[pairs])
            )
    return similarity
