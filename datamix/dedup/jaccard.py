"""The exact Jaccard similarity of texts: of their sets of shingles."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.kernels.buffers import text_buffers
from datamix.kernels.candidates import jaccards
from datamix.kernels.minhash import list_shingles, word_codes

Rows = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.integer[Any])


class ShingleSets(NamedTuple):
    """The distinct shingles of each document.

    Args:
        hashes: uint64; document d's are hashes[bounds[d]:bounds[d + 1]], sorted.
        bounds: int64 [n + 1].
    """

    hashes: npt.NDArray[np.uint64]
    bounds: Rows


def distinct(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return the distinct `values`, sorted; `values` are sorted in place. `np.unique` takes 20 times as long."""
    values.sort()
    new = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return values[new]


def shingle_sets(texts: pa.LargeStringArray, ngram: int, among: int = 0) -> ShingleSets:
    """Return the sets of shingles of `ngram` words, the same shingles that signatures are made of.

    A hash has 64 bits less those that the number of documents takes: of two texts with 10,000 shingles each, among
    2,000 documents, one pair of shingles is taken for equal by chance once in 10^8 times.

    Args:
        texts: large_string [n].
        ngram: words in a shingle.
        among: how many documents there are in all, where `texts` are some of those that will be compared.
    """
    bounds = np.zeros(len(texts) + 1, np.int64)
    if not len(texts):
        return ShingleSets(np.empty(0, np.uint64), bounds)
    data, offsets = text_buffers(texts)
    room = int(offsets[-1] - offsets[0] + len(texts)) // 2  # more than is needed, but memory is taken only as it fills
    hashes = np.empty(room, np.uint64)
    list_shingles(data, offsets, word_codes(), ngram, hashes, bounds)
    hashes = hashes[: bounds[-1]]

    # The document's number before each hash makes one sort of plain numbers out of many, which numpy does by vectors.
    number_bits = np.uint64(max(len(texts), among).bit_length())
    numbers = np.arange(len(texts) + 1, dtype=np.uint64) << (np.uint64(64) - number_bits)
    hashes >>= number_bits
    hashes |= np.repeat(numbers[:-1], np.diff(bounds))
    hashes = distinct(hashes)
    return ShingleSets(hashes << number_bits, np.searchsorted(hashes, numbers))


def jaccard_of_sets(sets: ShingleSets, a: Rows, b: Rows) -> npt.NDArray[np.float64]:
    """Return float64 [pairs]: the Jaccard similarity of the documents a[i] and b[i] of `sets`; 0 if both are empty."""
    similarity = np.empty(len(a), np.float64)
    jaccards(sets.hashes, sets.bounds, a, b, similarity)
    return similarity
