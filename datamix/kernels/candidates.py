"""Pairs of documents that share a band of their signatures, and what their signatures say about them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel
from datamix.kernels.minhash import Hashes, Signatures

Rows = npt.NDArray[np.int64]

_PAIRWISE = 64
_HEADS = 8
_LEADERS = 256
_ENOUGH = 4
_UNDECIDED = 64
_MIXER = np.uint64(0x9E3779B97F4A7C15)


@kernel
def band_keys(
    signatures: Signatures, members: Rows, first_band: int, rows: int, row_bits: np.uint64, keys: Hashes
) -> None:
    """Write the keys of some bands: the upper bits are a hash of the band's values, the lower ones the row's number.

    Such keys sort as plain numbers, and a bucket's rows come out in order. With 10^7 documents the hash has 40 bits:
    a few dozen pairs collide by chance in a band, which costs their comparison and nothing else.

    Args:
        signatures: uint32 [n, permutations].
        members: int64 [m], the rows to take.
        first_band: the band of keys[0].
        rows: values in a band.
        row_bits: bits for a row's number.
        keys: uint64 [bands, m], written.
    """
    for j in range(members.shape[0]):
        member = members[j]
        for band in range(keys.shape[0]):
            key = np.uint64(0)
            start = (first_band + band) * rows
            for k in range(start, start + rows):
                key = (key ^ np.uint64(signatures[member, k])) * _MIXER
                key ^= key >> np.uint64(32)
            keys[band, j] = (key >> row_bits << row_bits) | np.uint64(member)


@kernel
def agreement(signatures: Signatures, a: int, b: int) -> int:
    """Return in how many values the signatures of rows `a` and `b` agree."""
    agreed = np.int32(0)
    for k in range(signatures.shape[1]):
        agreed += np.int32(signatures[a, k] == signatures[b, k])
    return int(agreed)


@kernel
def agreements(signatures: Signatures, a: Rows, b: Rows, agreed: npt.NDArray[np.int32]) -> None:
    """Write to `agreed`, int32 [n], in how many values the signatures of rows a[i] and b[i] agree."""
    for i in range(a.shape[0]):
        agreed[i] = agreement(signatures, a[i], b[i])


@kernel
def judge_buckets(
    keys: Hashes,
    row_bits: np.uint64,
    signatures: Signatures,
    accept_from: int,
    refuse_below: int,
    crowded: npt.NDArray[np.bool_],
) -> Hashes:
    """Compare the members of each bucket and return the pairs that are not refused.

    A bucket of 64 members or fewer is compared pairwise. In a larger one each member is compared with the first 8, then
    with the bucket's leaders until 4 in all accepted it: later members whom nobody before them accepted, 256 at most.
    So the work and the pairs grow with the bucket's size only. A member keeps 64 undecided pairs of a bucket at most,
    since each costs reading two texts.

    Args:
        keys: uint64 [m] from `band_keys`, sorted.
        row_bits: as given to `band_keys`.
        signatures: uint32 [n, permutations].
        accept_from: agreeing values that accept a pair.
        refuse_below: fewer agreeing values refuse it; what lies between is undecided.
        crowded: bool [n], set for members of a bucket that is too large to be compared pairwise.

    Returns:
        uint64: a * 2^32 + b for each pair of rows a < b. A pair may come from several bands.
    """
    row_mask = (np.uint64(1) << row_bits) - np.uint64(1)
    leaders = np.empty(_LEADERS, np.int64)
    pairs = np.empty(1024, np.uint64)
    count = 0
    start = 0
    while start < keys.shape[0]:
        end = start + 1
        while end < keys.shape[0] and keys[start] >> row_bits == keys[end] >> row_bits:
            end += 1
        heads = end - start if end - start <= _PAIRWISE else _HEADS
        leading = 0
        for j in range(start, end):
            if count + _PAIRWISE + _LEADERS > pairs.shape[0]:
                larger = np.empty(2 * pairs.shape[0], np.uint64)
                for k in range(count):
                    larger[k] = pairs[k]
                pairs = larger
            member = int(np.int64(keys[j] & row_mask))
            crowded[member] |= end - start > _PAIRWISE
            head = min(j - start, heads)
            accepted, undecided = int(np.int64(0)), int(np.int64(0))
            for k in range(head + leading):
                if k >= heads and accepted >= _ENOUGH:
                    break
                other = int(np.int64(keys[start + k] & row_mask)) if k < head else int(leaders[k - head])
                agreed = agreement(signatures, other, member)
                if agreed >= accept_from:
                    accepted += 1
                elif agreed >= refuse_below and undecided < _UNDECIDED:
                    undecided += 1
                else:
                    continue
                pairs[count] = np.uint64(other) << np.uint64(32) | np.uint64(member)
                count += 1
            if j - start >= heads and accepted == 0 and leading < _LEADERS:
                leaders[leading] = member
                leading += 1
        start = end
    return pairs[:count]


@kernel
def jaccards(
    hashes: Hashes, bounds: Rows, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], result: npt.NDArray[np.float64]
) -> None:
    """Write the Jaccard similarity of the sets a[i] and b[i] to `result`; 0 where both are empty.

    Args:
        hashes: uint64, the sets one after another, each sorted and without repetition.
        bounds: int64 [sets + 1]: set s is hashes[bounds[s]:bounds[s + 1]].
        a: int64 [n], numbers of sets.
        b: int64 [n], numbers of sets.
        result: float64 [n], written.
    """
    for pair in range(a.shape[0]):
        i, i_end = bounds[a[pair]], bounds[a[pair] + 1]
        j, j_end = bounds[b[pair]], bounds[b[pair] + 1]
        total = i_end - i + j_end - j
        shared = 0
        while i < i_end and j < j_end:
            left, right = hashes[i], hashes[j]
            shared += left == right
            i += left <= right
            j += right <= left
        result[pair] = shared / (total - shared) if total else 0.0
