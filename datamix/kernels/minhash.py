r"""Shingles of words, and their MinHash signatures.

A word is a maximal run of characters that match Python's `\w`, in lower case by code point; a shingle is `ngram`
consecutive words. A word's hash is 64-bit FNV-1a over its code points, begun at 0; a shingle's hash is a polynomial
over its words' hashes, kept rolling, so that its cost does not grow with `ngram`, finished by MurmurHash3's 64-bit
mixer. Signatures follow Broder, "On the resemblance and containment of documents" (1997).

`int(np.int64(0))` instead of 0 keeps numba from compiling a kernel once more for the literal.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes, Offsets
from datamix.kernels.compile import kernel
from datamix.kernels.unicode import WORD, code_points, decode

Codes = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint32]

EMPTY = np.uint32(0xFFFFFFFF)
"""Every value of the signature of a document without shingles, as in an empty `datasketch.MinHash`."""

_FNV_PRIME = np.uint64(0x100000001B3)
_POLYNOMIAL = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 4096  # words: the 32-bit hashes of their shingles fit a first-level cache while the permutations pass
_LANES = 32  # what LLVM's vector loop takes at once; padding to it saves the scalar remainder of short documents


@functools.cache
def word_codes() -> Codes:
    """Return int32 [0x110000], read-only: a code point's lower case where it is part of a word, else 0."""
    flags, lower = code_points()
    codes = np.where(flags & WORD, lower, np.int32(0))
    codes.setflags(write=False)
    return codes


@kernel
def hash_words(
    data: Bytes, i: int, end: int, codes: Codes, words: Hashes, count: int, word: np.uint64
) -> tuple[int, int, np.uint64]:
    """Append the hashes of the words of data[i:end] to `words`, as far as there surely is room; may be resumed.

    The loop has no branch but the one for non-ASCII bytes: where words end can't be predicted, and a wrong guess costs
    more than the hash of a word. Indices are unsigned, which spares numba's test for negative ones (8% of the speed).

    Args:
        data: UTF-8; malformed bytes part words.
        i: where to begin.
        end: where the document ends.
        codes: from `word_codes`.
        words: uint64, with room for two or more.
        count: how many of `words` are taken.
        word: the hash of the word that `i` lies in, 0 at the beginning of a document.

    Returns:
        Where it stopped (`end` or more when the text is done), the count, the hash of the unfinished word.
    """
    stop = min(end, i + 2 * (words.shape[0] - count) - 2)
    while i < stop:
        if data[np.uint64(i)] < 0x80:
            code = codes[data[np.uint64(i)]]
            i += 1
        else:
            point, length = decode(data, i, end)
            code = codes[np.uint64(point)]
            i += length
        is_word = np.uint64(code != 0)
        words[np.uint64(count)] = word
        count += (word != 0) & (code == 0)
        word = ((word ^ np.uint64(code)) * _FNV_PRIME) & (np.uint64(0) - is_word)
    if i >= end and word != 0:
        words[count] = word
        count += 1
    return i, count, word


@kernel
def hash_shingles(words: Hashes, count: int, ngram: int, shingles: Hashes, at: int) -> int:
    """Write the hashes of the shingles of words[:count] to shingles[at:] and return how many they are."""
    leaving = np.uint64(1)
    polynomial = np.uint64(0)
    for j in range(min(ngram - 1, count)):
        leaving *= _POLYNOMIAL
        polynomial = polynomial * _POLYNOMIAL + (words[j] ^ (words[j] >> np.uint64(32)))
    for j in range(count - ngram + 1):
        word = words[j + ngram - 1]
        polynomial = polynomial * _POLYNOMIAL + (word ^ (word >> np.uint64(32)))
        mixed = polynomial ^ (polynomial >> np.uint64(33))
        mixed *= np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(33)
        mixed *= np.uint64(0xC4CEB9FE1A85EC53)
        shingles[at + j] = mixed ^ (mixed >> np.uint64(33))
        polynomial -= (words[j] ^ (words[j] >> np.uint64(32))) * leaving
    return max(count - ngram + 1, 0)


@kernel
def sign(
    data: Bytes,
    offsets: Offsets,
    codes: Codes,
    ngram: int,
    multipliers: Signatures,
    increments: Signatures,
    signatures: Signatures,
    shingles: npt.NDArray[np.int32],
) -> None:
    """Write each document's MinHash signature, in datasketch 2's scheme `affine32`, and the number of its shingles.

    Value k is the least of multipliers[k] * h + increments[k] modulo 2^32 over the shingles, where h is the lower half
    of a shingle's hash under MurmurHash3's 32-bit mixer.

    Args:
        data: UTF-8.
        offsets: int64 [n + 1].
        codes: from `word_codes`.
        ngram: words in a shingle, 1 or more.
        multipliers: uint32 [permutations], odd.
        increments: uint32 [permutations].
        signatures: uint32 [n, permutations], written; `EMPTY` where a document has fewer than `ngram` words.
        shingles: int32 [n], written: how many shingles a document has, repeated ones counted each time.
    """
    words = np.empty(_BLOCK + ngram, np.uint64)
    block = np.empty(_BLOCK + 1, np.uint64)
    mixed = np.empty(_BLOCK + _LANES, np.uint32)
    for document in range(offsets.shape[0] - 1):
        for k in range(multipliers.shape[0]):
            signatures[document, k] = EMPTY
        i, seen, total, word = offsets[document], int(np.int64(0)), 0, np.uint64(0)
        while i < offsets[document + 1]:
            i, seen, word = hash_words(data, i, offsets[document + 1], codes, words, seen, word)
            count = hash_shingles(words, seen, ngram, block, int(np.int64(0)))
            total += count
            for j in range(ngram - 1):
                words[j] = words[count + j]
            seen -= count
            for j in range(count):
                h = np.uint32(block[j])
                h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
                h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
                mixed[j] = h ^ (h >> np.uint32(16))
            padded = (count + _LANES - 1) // _LANES * _LANES
            for j in range(count, padded):
                mixed[j] = mixed[0]
            for k in range(multipliers.shape[0]):
                multiplier, increment = multipliers[k], increments[k]
                least = signatures[document, k]
                for j in range(padded):
                    least = min(least, np.uint32(mixed[j] * multiplier + increment))
                signatures[document, k] = least
        shingles[document] = total


@kernel
def list_shingles(data: Bytes, offsets: Offsets, codes: Codes, ngram: int, shingles: Hashes, bounds: Offsets) -> None:
    """Write the 64-bit hashes of all shingles, document after document, repeated ones each time.

    Args:
        data: UTF-8.
        offsets: int64 [n + 1].
        codes: from `word_codes`.
        ngram: words in a shingle, 1 or more.
        shingles: uint64, with room for one in every two bytes of each document, rounded up.
        bounds: int64 [n + 1], written: document d's hashes are shingles[bounds[d]:bounds[d + 1]].
    """
    words = np.empty(_BLOCK + ngram, np.uint64)
    total = int(np.int64(0))
    bounds[0] = 0
    for document in range(offsets.shape[0] - 1):
        i, seen, word = offsets[document], int(np.int64(0)), np.uint64(0)
        while i < offsets[document + 1]:
            i, seen, word = hash_words(data, i, offsets[document + 1], codes, words, seen, word)
            count = hash_shingles(words, seen, ngram, shingles, total)
            total += count
            for j in range(ngram - 1):
                words[j] = words[count + j]
            seen -= count
        bounds[document + 1] = total
