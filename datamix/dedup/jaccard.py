"""The exact Jaccard similarity of texts: of their sets of shingles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.kernels.buffers import text_buffers
from datamix.kernels.candidates import jaccards
from datamix.kernels.minhash import list_shingles, word_codes

Rows = npt.NDArray[np.int64]


class ShingleSets(NamedTuple):
    """The distinct shingles of each document.

    Args:
        hashes: uint64; document d's are hashes[bounds[d]:bounds[d + 1]], sorted.
        bounds: int64 [n + 1].
    """

    hashes: npt.NDArray[np.uint64]
    bounds: Rows


def shingle_sets(texts: pa.LargeStringArray, ngram: int) -> ShingleSets:
    """Return the sets of shingles of `ngram` words, the same shingles that signatures are made of."""
    bounds = np.zeros(len(texts) + 1, np.int64)
    if not len(texts):
        return ShingleSets(np.empty(0, np.uint64), bounds)
    data, offsets = text_buffers(texts)
    room = int(offsets[-1] - offsets[0] + len(texts)) // 2  # more than is needed, but memory is taken only as it fills
    hashes = np.empty(room, np.uint64)
    list_shingles(data, offsets, word_codes(), ngram, hashes, bounds)
    hashes = hashes[: bounds[-1]]
    document = np.repeat(np.arange(len(texts), dtype=np.uint32), np.diff(bounds))
    if len(texts) <= 1 << 16:
        document = document.astype(np.uint16)  # numpy sorts 16-bit numbers stably by radix, in linear time
    order = np.argsort(hashes)
    hashes = hashes[order[np.argsort(document[order], kind="stable")]]
    distinct = np.ones(len(hashes), np.bool_)
    distinct[1:] = (hashes[1:] != hashes[:-1]) | (document[1:] != document[:-1])
    kept = np.concatenate((np.zeros(1, np.int64), np.cumsum(distinct, dtype=np.int64)))
    return ShingleSets(hashes[distinct], kept[bounds])


def jaccard_of_sets(sets: ShingleSets, a: Rows, b: Rows) -> npt.NDArray[np.float64]:
    """Return float64 [pairs]: the Jaccard similarity of the documents a[i] and b[i] of `sets`; 0 if both are empty."""
    similarity = np.empty(len(a), np.float64)
    jaccards(sets.hashes, sets.bounds, a, b, similarity)
    return similarity


def exact_jaccard(a: pa.LargeStringArray, b: pa.LargeStringArray, ngram: int) -> npt.NDArray[np.float64]:
    """Return float64 [n]: the Jaccard similarity of the texts a[i] and b[i], by shingles of `ngram` words."""
    rows = np.arange(len(a), dtype=np.int64)
    return jaccard_of_sets(shingle_sets(pa.concat_arrays([a, b]), ngram), rows, rows + len(a))
