"""What the quality filters count by line: bullets, ellipses, C4's rules, and FineWeb's repeated and short lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes
from datamix.kernels.compile import lean_kernel
from datamix.kernels.swar import ONES, first_byte, hash_bytes, load_word, zero_bytes
from datamix.kernels.tallies import (
    BULLET_LINES,
    C4_CURLY_BRACKET_LINES,
    C4_FEW_WORD_LINES,
    C4_JAVASCRIPT_LINES,
    C4_LINES,
    C4_LONG_WORD_LINES,
    C4_LOREM_IPSUM_LINES,
    C4_POLICY_LINES,
    C4_SENTENCES,
    C4_UNPUNCTUATED_LINES,
    DUPLICATE_CHARACTERS,
    ELLIPSIS_LINES,
    LINE_ENDED,
    LINE_HAS_LONG_WORD,
    LINE_SENTENCES,
    LINE_WORDS,
    LINES,
)
from datamix.kernels.words import Tally

Lines = npt.NDArray[np.int64]

MAX_WORD_LENGTH = 1000
"""Characters beyond which a word drops its line (C4)."""

MIN_LINE_WORDS = 3
"""Words below which a line is dropped (C4)."""

_HAS_LOREM_IPSUM, _HAS_JAVASCRIPT, _HAS_CURLY_BRACKET, _HAS_POLICY = 1, 2, 4, 8

# Each phrase, where in it the rare pair of letters lies from which a search starts, and what it says of the line. A
# pair is a letter and the one after the next, so that one pattern also spans a space.
_PHRASE_LIST = (
    ("lorem ipsum", 4, _HAS_LOREM_IPSUM),
    ("javascript", 0, _HAS_JAVASCRIPT),
    ("terms of use", 7, _HAS_POLICY),
    ("privacy policy", 3, _HAS_POLICY),
    ("cookie policy", 3, _HAS_POLICY),
    ("uses cookies", 8, _HAS_POLICY),
    ("use of cookies", 10, _HAS_POLICY),
    ("use cookies", 7, _HAS_POLICY),
)
_PHRASES = np.zeros((len(_PHRASE_LIST), 16), np.uint8)
for _row, (_phrase, _, _) in enumerate(_PHRASE_LIST):
    _PHRASES[_row, : len(_phrase)] = list(_phrase.encode())
_PHRASE_LENGTHS = np.array([len(phrase) for phrase, _, _ in _PHRASE_LIST])
_PHRASE_STARTS = np.array([at for _, at, _ in _PHRASE_LIST])
_PHRASE_FLAGS = np.array([flag for _, _, flag in _PHRASE_LIST])
_PAIRS = sorted({(ord(phrase[at]), ord(phrase[at + 2])) for phrase, at, _ in _PHRASE_LIST})
_PAIR_FIRST = np.array([first for first, _ in _PAIRS], np.uint64) * ONES
_PAIR_SECOND = np.array([second for _, second in _PAIRS], np.uint64) * ONES
_CURLY_BRACKET = np.uint64(0x7B) * ONES
_CASE = np.uint64(0x20) * ONES
_CITATIONS = tuple(np.frombuffer(text, np.uint8) for text in (b"[edit]", b"[citation needed]"))
_EDIT, _CITATION_NEEDED = _CITATIONS


@lean_kernel
def _lower(byte: int) -> int:
    return byte + 32 if 0x41 <= byte <= 0x5A else byte


@lean_kernel
def _phrase_at(data: Bytes, start: int, end: int, i: int) -> int:
    """Return the flag of the phrase whose rare pair is at byte `i` of data[start:end], or 0."""
    for k in range(_PHRASES.shape[0]):
        begin = i - _PHRASE_STARTS[k]
        length = _PHRASE_LENGTHS[k]
        if begin < start or begin + length > end:
            continue
        j = 0
        while j < length and _lower(data[begin + j]) == _PHRASES[k, j]:
            j += 1
        if j == length:
            return int(_PHRASE_FLAGS[k])
    return 0


@lean_kernel
def phrase_flags(data: Bytes, start: int, end: int) -> int:
    """Return the flags of the phrases of C4 in data[start:end], in any ASCII case, and of a curly bracket."""
    has = 0
    i = start
    while i + 10 <= data.shape[0] and i < end:
        word = load_word(data, i) | _CASE
        later = load_word(data, i + 2) | _CASE
        found = zero_bytes(word ^ _CURLY_BRACKET)
        for k in range(_PAIR_FIRST.shape[0]):
            found |= zero_bytes((word ^ _PAIR_FIRST[k]) | (later ^ _PAIR_SECOND[k]))
        while found:
            at = i + first_byte(found)
            found &= found - np.uint64(1)
            if at < end:
                has |= _HAS_CURLY_BRACKET if data[at] == 0x7B else _phrase_at(data, start, end, at)
        i += 8
    while i < end:
        has |= _HAS_CURLY_BRACKET if data[i] == 0x7B else _phrase_at(data, start, end, i)
        i += 1
    return has


@lean_kernel
def _ends_with(data: Bytes, start: int, end: int, suffix: Bytes) -> bool:
    length = suffix.shape[0]
    matched = 0
    while matched < length and end - start >= length and data[end - 1 - matched] == suffix[length - 1 - matched]:
        matched += 1
    return bool(matched == length)


@lean_kernel
def _without_citations(data: Bytes, start: int, end: int) -> int:
    """Return the end of data[start:end] without the citations, like [1], [] or [edit], that it ends with."""
    while end > start and data[end - 1] == 0x5D:
        i = end - 1
        while i > start and 0x30 <= data[i - 1] <= 0x39:
            i -= 1
        if i > start and data[i - 1] == 0x5B:
            end = i - 1
        elif _ends_with(data, start, end, _EDIT):
            end -= _EDIT.shape[0]
        elif _ends_with(data, start, end, _CITATION_NEEDED):
            end -= _CITATION_NEEDED.shape[0]
        else:
            break
    return end


@lean_kernel
def _is_ellipsis(data: Bytes, start: int, end: int) -> bool:
    """Tell whether data[start:end] ends with three full stops."""
    return end - start >= 3 and data[end - 1] == 0x2E and data[end - 2] == 0x2E and data[end - 3] == 0x2E


@lean_kernel
def end_line(data: Bytes, first: int, last: int, tally: Tally) -> None:
    """Count a line of `str.splitlines`, trimmed data[first:last], and make the state of the line new.

    C4's rules are tried in datatrove's order, and the first that a line breaks counts it.
    """
    tally[LINES] += 1
    if last > first:
        is_bullet = data[first] == 0x2D or (
            last - first >= 3 and data[first] == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2
        )
        tally[BULLET_LINES] += is_bullet
        is_sign = last - first >= 3 and data[last - 3] == 0xE2 and data[last - 2] == 0x80 and data[last - 1] == 0xA6
        tally[ELLIPSIS_LINES] += is_sign or _is_ellipsis(data, first, last)
    end = _without_citations(data, first, last)
    mark = data[end - 1] if end > first else 0
    if tally[LINE_HAS_LONG_WORD]:
        tally[C4_LONG_WORD_LINES] += 1
    elif not (mark == 0x2E or mark == 0x3F or mark == 0x21 or mark == 0x22 or mark == 0x27) or _is_ellipsis(
        data, first, end
    ):
        tally[C4_UNPUNCTUATED_LINES] += 1
    elif tally[LINE_WORDS] < MIN_LINE_WORDS:
        tally[C4_FEW_WORD_LINES] += 1
    else:
        has = phrase_flags(data, first, last)
        if has & _HAS_LOREM_IPSUM:
            tally[C4_LOREM_IPSUM_LINES] += 1
        elif has & _HAS_JAVASCRIPT:
            tally[C4_JAVASCRIPT_LINES] += 1
        elif has & _HAS_CURLY_BRACKET:
            tally[C4_CURLY_BRACKET_LINES] += 1
        elif has & _HAS_POLICY:
            tally[C4_POLICY_LINES] += 1
        else:
            tally[C4_LINES] += 1
            tally[C4_SENTENCES] += tally[LINE_SENTENCES]
    begin_line(tally)


@lean_kernel
def begin_line(tally: Tally) -> None:
    """Make the state of the line new; a line has a sentence from its first word on."""
    tally[LINE_WORDS] = 0
    tally[LINE_SENTENCES] = 1
    tally[LINE_HAS_LONG_WORD] = 0
    tally[LINE_ENDED] = 0


@lean_kernel
def _same_bytes(data: Bytes, a: int, b: int, length: int) -> bool:
    same = 0
    while same < length and data[a + same] == data[b + same]:
        same += 1
    return same == length


@lean_kernel
def count_duplicates(data: Bytes, lines: Lines, n: int, table: npt.NDArray[np.int32], tally: Tally) -> None:
    """Add the characters of each of the first `n` lines that repeats an earlier one.

    Args:
        data: UTF-8 bytes.
        lines: int64 [at least n, 3]: where each line starts and ends, and its characters.
        n: lines.
        table: int32, scratch: a power of two, at least 2 * n; overwritten.
        tally: the document's counts.
    """
    size = 1
    while size < 2 * n:
        size *= 2
    for slot in range(size):
        table[slot] = -1
    for line in range(n):
        start, length = lines[line, 0], lines[line, 1] - lines[line, 0]
        slot = hash_bytes(data, start, start + length) & (size - 1)
        while table[slot] >= 0:
            other = lines[table[slot], 0]
            if lines[table[slot], 1] - other == length and _same_bytes(data, other, start, length):
                tally[DUPLICATE_CHARACTERS] += lines[line, 2]
                break
            slot = (slot + 1) & (size - 1)
        else:
            table[slot] = line
