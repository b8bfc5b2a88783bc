"""Counts of each text, and the text with its white space normalised, ready to be hashed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes, Offsets
from datamix.kernels.compile import lean_kernel
from datamix.kernels.swar import first_byte, load_word, not_visible, store_word
from datamix.kernels.unicode import LINE_BREAK, SPACE, decode

N_CONTENT_COUNTS = 3
"""Columns of the counts: characters, lines, words."""


@lean_kernel
def measure_content(
    data: Bytes,
    offsets: Offsets,
    flags: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.int64],
    normalised: Bytes,
    ends: Offsets,
) -> None:
    r"""Count characters, lines and words, and write each text with white space normalised.

    Runs of white space become one space, and both ends are trimmed; nothing else changes. Words are maximal runs
    without white space, lines are those of `str.splitlines`.

    Args:
        data: UTF-8 bytes.
        offsets: int64 [n + 1].
        flags: uint8 [0x110000], of `code_points()`.
        counts: int64 [n, N_CONTENT_COUNTS], written: characters, lines, words.
        normalised: uint8, at least 8 bytes longer than the texts together, written.
        ends: int64 [n + 1], written: text i normalised is normalised[ends[i]:ends[i + 1]].
    """
    to = 0
    ends[0] = 0
    for d in range(offsets.shape[0] - 1):
        i, end = offsets[d], offsets[d + 1]
        begin, hidden = to, 0  # hidden: the bytes after the first of each code point
        start = i
        lines, words = 0, 0
        open_line, after_return = False, False
        while i < end:
            point, length = int(np.int64(data[i])), 1
            if point >= 0x80:
                point, length = decode(data, i, end)
            if flags[point] & SPACE:
                hidden += length - 1
                i += length
                if flags[point] & LINE_BREAK == 0:
                    open_line, after_return = True, False
                elif point == 0x0A and after_return:
                    after_return = False
                else:
                    lines += 1
                    open_line, after_return = False, point == 0x0D
                continue
            words += 1
            open_line, after_return = True, False
            if to > begin:
                normalised[to] = 0x20
                to += 1
            while i < end:
                if i + 8 <= data.shape[0]:
                    word = load_word(data, i)
                    length = min(first_byte(not_visible(word)), end - i)
                    if length:
                        store_word(normalised, to, word)
                        to += length
                        i += length
                        continue
                byte = data[i]
                if byte < 0x80:
                    if flags[byte] & SPACE:
                        break
                    normalised[to] = byte
                    to += 1
                    i += 1
                    continue
                point, length = decode(data, i, end)
                if flags[point] & SPACE:
                    break
                for j in range(length):
                    normalised[to + j] = data[i + j]
                to += length
                i += length
                hidden += length - 1
        counts[d, 0], counts[d, 1], counts[d, 2] = end - start - hidden, lines + open_line, words
        ends[d + 1] = to
