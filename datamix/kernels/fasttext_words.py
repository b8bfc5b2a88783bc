"""The words of texts as fastText hashes them, once for any number of models, and lower case before that.

The definitions are those of fastText 0.9.2: words are split on seven bytes, and a word's hash is 32-bit FNV-1a over
signed bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes, Offsets
from datamix.kernels.compile import kernel
from datamix.kernels.unicode import decode

FNV_OFFSET = np.uint32(2166136261)
FNV_PRIME = np.uint32(16777619)

_CHECK_FACTOR = np.uint32(0x9E3779B1)
_SEPARATORS = np.uint64(sum(1 << byte for byte in b"\0\t\n\v\f\r "))


class Words(NamedTuple):
    """The words of a batch of documents; document d has words [first[d], first[d + 1]).

    Args:
        keys: uint64, never 0: the word's FNV-1a hash above a second hash that tells words of equal first hashes apart.
        starts: int64, where the word starts in the bytes.
        ends: int64, where it ends.
        first: int64 [documents + 1, or more].
    """

    keys: npt.NDArray[np.uint64]
    starts: Offsets
    ends: Offsets
    first: Offsets


@kernel
def lower_bytes(
    data: Bytes, starts: Offsets, ends: Offsets, lower: npt.NDArray[np.int32], out: Bytes, bounds: Offsets
) -> None:
    """Write document d, data[starts[d]:ends[d]], in simple lower case to out[bounds[d]:bounds[d + 1]].

    Args:
        data: UTF-8; malformed bytes are copied as they are.
        starts: int64 [documents].
        ends: int64 [documents].
        lower: int32 [0x110000], lower case of each code point.
        out: uint8, twice as long as the documents together: a character of two bytes may need up to four.
        bounds: int64 [documents + 1], filled.
    """
    n = 0
    bounds[0] = 0
    for d in range(starts.shape[0]):
        i, end = starts[d], ends[d]
        while i < end:
            byte = data[i]
            if byte < 0x80:
                out[n] = byte + 32 if 65 <= byte <= 90 else byte
                n += 1
                i += 1
                continue
            point, length = decode(data, i, end)
            low = np.int64(lower[point])
            if length == 1 or low == point:
                for k in range(length):
                    out[n + k] = data[i + k]
                n += length
            elif low < 0x80:
                out[n] = low
                n += 1
            elif low < 0x800:
                out[n] = 0xC0 | low >> 6
                out[n + 1] = 0x80 | low & 0x3F
                n += 2
            elif low < 0x10000:
                out[n] = 0xE0 | low >> 12
                out[n + 1] = 0x80 | low >> 6 & 0x3F
                out[n + 2] = 0x80 | low & 0x3F
                n += 3
            else:
                out[n] = 0xF0 | low >> 18
                out[n + 1] = 0x80 | low >> 12 & 0x3F
                out[n + 2] = 0x80 | low >> 6 & 0x3F
                out[n + 3] = 0x80 | low & 0x3F
                n += 4
            i += length
        bounds[d + 1] = n


@kernel
def _is_separator(byte: np.uint32) -> bool:
    return bool(byte <= np.uint32(32) and (_SEPARATORS >> np.uint64(byte)) & np.uint64(1) != 0)


@kernel
def hash_words(data: Bytes, starts: Offsets, ends: Offsets, words: Words) -> int:
    """Fill `words` with those of each document, data[starts[d]:ends[d]]; return the length in bytes of the longest.

    Args:
        data: UTF-8 text, or any bytes.
        starts: int64 [documents].
        ends: int64 [documents].
        words: filled; at least as long as the documents could have words: half their bytes and one, for each.
    """
    n, longest = 0, 0
    words.first[0] = 0
    for d in range(starts.shape[0]):
        i, end = starts[d], ends[d]
        while i < end:
            byte = np.uint32(data[i])
            if _is_separator(byte):
                i += 1
                continue
            start = i
            first, second = FNV_OFFSET, np.uint32(0)
            while True:
                first = np.uint32((first ^ np.uint32(np.int32(np.int8(byte)))) * FNV_PRIME)
                second = np.uint32((second + byte) * _CHECK_FACTOR)
                i += 1
                if i == end:
                    break
                byte = np.uint32(data[i])
                if _is_separator(byte):
                    break
            words.keys[n] = np.uint64(first) << np.uint64(32) | np.uint64(second | np.uint32(1))
            words.starts[n] = start
            words.ends[n] = i
            n += 1
            longest = max(longest, i - start)
        words.first[d + 1] = n
    return longest
