"""Counts behind the quality heuristics of Gopher, C4 and FineWeb, in one pass over the bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes, Offsets
from datamix.kernels.compile import lean_kernel
from datamix.kernels.lines import (
    MAX_WORD_LENGTH,
    Lines,
    begin_line,
    count_duplicates,
    end_line,
)
from datamix.kernels.signs import Flags
from datamix.kernels.swar import first_byte, load_word, not_letters
from datamix.kernels.tallies import (
    CHARACTERS,
    FILLED_LINES,
    LINE_HAS_LONG_WORD,
    LINE_WORDS,
    N_COUNTS,
    NEWLINES,
    SHORT_LINES,
    TERMINAL_LINES,
)
from datamix.kernels.unicode import LINE_BREAK, SPACE, TERMINAL, decode
from datamix.kernels.words import Tally, count_chunk

MAX_SHORT_LINE = 30
"""Characters up to which a line is short (FineWeb)."""

_LETTER, _DIGIT, _OTHER, _BLANK = 1, 2, 4, 8


def _byte_table() -> Bytes:
    """Return uint8 [256]: what a byte may be; beyond ASCII, _OTHER."""
    table = np.full(256, _OTHER, np.uint8)
    for byte in range(128):
        character = chr(byte)
        if character.isspace():
            table[byte] = _BLANK
        elif character.isalpha():
            table[byte] = _LETTER
        elif character.isdigit():
            table[byte] = _DIGIT
    return table


_BYTES = _byte_table()


@lean_kernel
def _last_is_terminal(data: Bytes, start: int, end: int, flags: Flags) -> bool:
    i = end - 1
    while i > start and data[i] & 0xC0 == 0x80:
        i -= 1
    return bool(flags[decode(data, i, end)[0]] & TERMINAL)


@lean_kernel
def most_lines(data: Bytes, offsets: Offsets) -> int:
    """Return the largest number of lines, cut at newlines alone, in any of the texts; at least 1."""
    most = 0
    for d in range(offsets.shape[0] - 1):
        lines = 0
        for i in range(offsets[d], offsets[d + 1]):
            lines += data[i] == 0x0A
        most = max(most, lines)
    return most + 1


@lean_kernel
def count_heuristics(
    data: Bytes,
    offsets: Offsets,
    flags: Flags,
    tally: Tally,
    lines: Lines,
    table: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
) -> None:
    """Count in each text what the quality heuristics are made of.

    Args:
        data: UTF-8 bytes.
        offsets: int64 [n + 1].
        flags: uint8 [0x110000], of `code_points()`.
        tally: int64 [N_SLOTS], scratch.
        lines: int64 [most_lines(), 3], scratch: where each line that is not blank starts and ends, and its characters.
        table: int32, scratch: a power of two, at least twice most_lines().
        counts: int64 [n, N_COUNTS], written: the slots of datamix.kernels.tallies.
    """
    for d in range(offsets.shape[0] - 1):
        start, end = offsets[d], offsets[d + 1]
        for k in range(N_COUNTS):
            tally[k] = 0
        begin_line(tally)
        n_lines = 0
        hidden = 0  # bytes after the first of each code point
        first, last = start, start  # the trimmed line of str.splitlines
        line_start, line_hidden, line_filled = start, 0, False  # the line between newlines
        open_line, after_return = False, False
        i = start
        while True:
            if i < end:
                point, length = int(np.int64(data[i])), 1
                if point >= 0x80:
                    point, length = decode(data, i, end)
            else:
                point, length = 0x0A, 0  # the end of the text ends its last line
            if flags[point] & SPACE:
                if flags[point] & LINE_BREAK and not (point == 0x0A and after_return):
                    if length or open_line:
                        end_line(data, first, last, tally)
                    first, last = i + length, i + length
                    open_line, after_return = False, point == 0x0D
                else:
                    open_line, after_return = open_line or flags[point] & LINE_BREAK == 0, False
                if point == 0x0A:
                    if line_filled:
                        characters = i - line_start - (hidden - line_hidden)
                        lines[n_lines, 0], lines[n_lines, 1], lines[n_lines, 2] = line_start, i, characters
                        n_lines += 1
                        tally[SHORT_LINES] += characters <= MAX_SHORT_LINE
                        tally[TERMINAL_LINES] += _last_is_terminal(data, line_start, i, flags)
                    if length == 0:
                        break
                    tally[NEWLINES] += 1
                    line_start, line_hidden, line_filled = i + 1, hidden, False
                hidden += length - 1
                i += length
                continue
            a, sign, has_alpha, hidden_before = i, -1, False, hidden
            while i < end:
                if i + 8 <= data.shape[0]:
                    letters = first_byte(not_letters(load_word(data, i)))
                    if letters:
                        has_alpha = True
                        i = min(i + letters, end)
                        if letters == 8 or i == end:
                            continue
                kind = _BYTES[data[i]]
                if kind & _BLANK:
                    break
                if kind & _OTHER:
                    length = 1
                    if data[i] >= 0x80:
                        point, length = decode(data, i, end)
                        if flags[point] & SPACE:
                            break
                        hidden += length - 1
                    if sign < 0:
                        sign = i
                    i += length
                else:
                    has_alpha |= kind & _LETTER != 0
                    i += 1
            if tally[LINE_WORDS] == 0:
                first = a
            last = i
            tally[LINE_WORDS] += 1
            open_line, after_return, line_filled = True, False, True
            if i - a - (hidden - hidden_before) > MAX_WORD_LENGTH:
                tally[LINE_HAS_LONG_WORD] = 1
            count_chunk(data, a, sign if sign >= 0 else i, i, has_alpha, flags, tally)
            if i < end and data[i] == 0x20:
                i += 1
        tally[CHARACTERS] = end - start - hidden
        tally[FILLED_LINES] = n_lines
        count_duplicates(data, lines, n_lines, table, tally)
        for k in range(N_COUNTS):
            counts[d, k] = tally[k]
