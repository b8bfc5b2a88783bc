"""Words as the quality filters count them: cut at white space, then at signs, as tokenizers of English do.

Gopher's published rules leave open what a word is, and datatrove takes spaCy's English tokens. These are close to them,
by rules that need no dictionary. Of a chunk between white space,

1. leading signs (quotes, brackets, commas, currency, ...) are cut off, one word each; two or more full stops are one;
2. trailing signs likewise, but not the full stop of an initial or abbreviation (`U.S.`, `e.g.`, `Mr.`);
3. the core is cut around a sign between letters (`well-known`, `and/or`, `a,b`), around an arithmetic sign between
   digits, at a full stop that starts a new sentence (`end.Start`), and before a clitic (`it's`, `do|n't`, `we'll`); but
   not in what looks like an address (`name@host`, `http://...`, `example.com/a-b`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes
from datamix.kernels.compile import lean_kernel
from datamix.kernels.signs import (
    BEFORE_LETTER,
    BETWEEN_DIGITS,
    LEADING,
    SIGNS,
    SIMPLE,
    SYMBOL,
    Flags,
    core_end,
    is_cut_stop,
    is_digit,
    is_wide_sign,
)
from datamix.kernels.tallies import (
    ALPHA_WORDS,
    ELLIPSES,
    HASHES,
    LINE_ENDED,
    LINE_SENTENCES,
    NON_SYMBOL_CHARACTERS,
    NON_SYMBOL_WORDS,
    STOP_WORDS,
    WORDS,
)
from datamix.kernels.unicode import ALPHA, DIGIT, PUNCTUATION, TERMINAL, UPPER, WORD, decode

Tally = npt.NDArray[np.int64]

STOP_WORD_LIST = ("the", "be", "to", "of", "and", "that", "have", "with")

_STOP_WORDS_PACKED = np.array([int.from_bytes(word.encode(), "little") for word in STOP_WORD_LIST], np.int64)


@lean_kernel
def stop_word_bit(data: Bytes, a: int, b: int) -> int:
    """Return the bit of the stop word data[a:b], or 0."""
    if b - a > 4 or b - a < 2:
        return 0
    packed = np.int64(0)
    for i in range(a, b):
        packed |= np.int64(data[i]) << (8 * (i - a))
    for k in range(8):
        if _STOP_WORDS_PACKED[k] == packed:
            return 1 << k
    return 0


@lean_kernel
def _begin_sentence(tally: Tally) -> None:
    if tally[LINE_ENDED]:
        tally[LINE_ENDED] = 0
        tally[LINE_SENTENCES] += 1


@lean_kernel
def _take_piece(data: Bytes, a: int, b: int, flags: Flags, tally: Tally) -> None:
    """Count data[a:b], not empty, as one word."""
    has_alpha, has_other, symbol = False, False, False
    characters = 0
    point = 0
    i = a
    while i < b:
        point, length = decode(data, i, b)
        i += length
        characters += 1
        if flags[point] & ALPHA:
            has_alpha = True
        if flags[point] & PUNCTUATION == 0:
            has_other = True
        elif point < 0x80 and SIGNS[point] & SYMBOL:
            symbol = True
    tally[WORDS] += 1
    tally[ALPHA_WORDS] += has_alpha
    if has_other:
        tally[NON_SYMBOL_WORDS] += 1
        tally[NON_SYMBOL_CHARACTERS] += characters
        tally[STOP_WORDS] |= stop_word_bit(data, a, b)
    if has_other or symbol:
        _begin_sentence(tally)
    elif characters == 1 and flags[point] & TERMINAL:
        tally[LINE_ENDED] = 1


@lean_kernel
def _take_signs(data: Bytes, a: int, b: int, flags: Flags, tally: Tally, leading: bool) -> int:
    """Count the signs from `a`, one word each, a run of full stops or digits as one, and return where they end.

    Leading signs end where the core of the chunk begins; trailing ones, found from behind, at `b`.
    """
    i = a
    while i < b:
        length = 1
        if data[i] == 0x2E:
            while i + length < b and data[i + length] == 0x2E:
                length += 1
            if leading and length == 1:
                break
            if length > 1:
                tally[WORDS] += 1
                i += length
                continue
        elif data[i] >= 0x80:
            point, length = decode(data, i, b)
            if leading and not is_wide_sign(point, flags):
                break
        elif leading:
            if SIGNS[data[i]] & LEADING == 0 or (data[i] == 0x2B and i + 1 < b and is_digit(data, i + 1)):
                break
        elif is_digit(data, i):
            while i + length < b and is_digit(data, i + length):
                length += 1
        _take_piece(data, i, i + length, flags, tally)
        i += length
    return i


@lean_kernel
def _take_core(data: Bytes, a: int, b: int, flags: Flags, tally: Tally) -> None:
    """Cut data[a:b] at the signs inside it and count the pieces."""
    begin = a
    address = False
    i = a
    before = 0
    while i < b and not address:
        point, length = decode(data, i, b)
        here = flags[point]
        if here & WORD and point != 0x5F:
            before = here
            i += length
            continue
        after = 0
        if i + length < b:
            after = flags[decode(data, i + length, b)[0]]
        cut = False
        if point == 0x2E:
            while i + length < b and data[i + length] == 0x2E:
                length += 1
            if length > 1:
                cut = True
            elif before & ALPHA and after & ALPHA and not before & UPPER:
                cut = after & UPPER != 0
                address = not cut
        elif point == 0x40:
            address = True
        elif point == 0x27 or point == 0x2019:
            rest = b - i - length
            if before & ALPHA and after & ALPHA and rest <= 2:
                clitic = i
                if rest == 1 and data[b - 1] | 0x20 == 0x74 and i - 1 > begin and data[i - 1] | 0x20 == 0x6E:
                    clitic = i - 1  # n't
                _take_piece(data, begin, clitic, flags, tally)
                begin = clitic
                address = True  # nothing more to cut
        elif point >= 0x80:
            is_dash = point == 0x2013 or point == 0x2014
            cut = point == 0x2026 or (is_dash and before & ALPHA != 0 and after & ALPHA != 0)
        else:
            if point == 0x3A and i + 2 < b and data[i + 1] == 0x2F and data[i + 2] == 0x2F:
                address = True
            elif point == 0x2D:
                while i + length < b and data[i + length] == 0x2D and length < 3:
                    length += 1
                if i + length < b:
                    after = flags[decode(data, i + length, b)[0]]
            sign = SIGNS[point]
            if sign & BEFORE_LETTER and after & ALPHA:
                cut = before & ALPHA != 0 or (before & DIGIT != 0 and point != 0x2C)
            elif sign & BETWEEN_DIGITS:
                cut = after & DIGIT != 0 and before & DIGIT != 0
        if cut and i > begin:
            _take_piece(data, begin, i, flags, tally)
            if point == 0x2E and length > 1:
                tally[WORDS] += 1
            else:
                _take_piece(data, i, i + length, flags, tally)
            begin = i + length
        before = 0
        i += length
    if begin < b:
        _take_piece(data, begin, b, flags, tally)


@lean_kernel
def take_plain(data: Bytes, a: int, b: int, has_alpha: bool, tally: Tally) -> None:
    """Count data[a:b], ASCII letters and digits alone, as one word."""
    tally[WORDS] += 1
    tally[NON_SYMBOL_WORDS] += 1
    tally[NON_SYMBOL_CHARACTERS] += b - a
    tally[ALPHA_WORDS] += has_alpha
    if b - a <= 4:
        tally[STOP_WORDS] |= stop_word_bit(data, a, b)
    _begin_sentence(tally)


@lean_kernel
def count_chunk(data: Bytes, a: int, sign: int, b: int, has_alpha: bool, flags: Flags, tally: Tally) -> None:
    """Count the words of data[a:b], a run without white space; also its #, ..., and …

    Args:
        data: UTF-8 bytes.
        a: where the chunk starts.
        sign: its first byte that is neither an ASCII letter nor a digit; `b` where there is none.
        b: where the chunk ends.
        has_alpha: whether an ASCII letter is in it.
        flags: of `code_points()`.
        tally: the document's counts.
    """
    if sign == b:
        take_plain(data, a, b, has_alpha, tally)
        return
    if sign == b - 1 and sign > a and SIMPLE[data[sign]] and (data[sign] != 0x2E or is_cut_stop(data, a, sign)):
        take_plain(data, a, sign, has_alpha, tally)
        tally[WORDS] += 1
        tally[LINE_ENDED] |= SIMPLE[data[sign]] == 2
        return
    dots = 0
    for i in range(sign, b):
        byte = data[i]
        if byte == 0x2E:
            dots += 1
            if dots == 3:
                tally[ELLIPSES] += 1
                dots = 0
            continue
        dots = 0
        if byte == 0x23:
            tally[HASHES] += 1
        elif byte == 0xE2 and i + 2 < b and data[i + 1] == 0x80 and data[i + 2] == 0xA6:
            tally[ELLIPSES] += 1
    core = _take_signs(data, a, b, flags, tally, True)
    end = core_end(data, core, b, flags)
    if core < end:
        _take_core(data, core, end, flags, tally)
    _take_signs(data, end, b, flags, tally, False)
