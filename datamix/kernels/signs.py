"""Signs that are cut off words: which, where, and where those at the end of a chunk begin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes
from datamix.kernels.compile import lean_kernel
from datamix.kernels.unicode import PUNCTUATION, WORD, decode

Flags = npt.NDArray[np.uint8]

LEADING, TRAILING, AFTER_DIGIT, BEFORE_LETTER, BETWEEN_DIGITS, SYMBOL = 1, 2, 4, 8, 16, 32


def _sign_table() -> Bytes:
    """Return uint8 [128]: where each ASCII sign is cut off, and whether it is a symbol, which begins a sentence."""
    table = np.zeros(128, np.uint8)
    for signs, bit in (
        ("%=$+,:;!?()[]{}<>_#*&'\"`", LEADING),
        (",:;!?()[]{}<>_#*&'\"`", TRAILING),
        ("%+$", AFTER_DIGIT),
        ("-~:<>=/,", BEFORE_LETTER),
        ("+-*^", BETWEEN_DIGITS),
        ("$<=>+`^|~", SYMBOL),
    ):
        table[[ord(sign) for sign in signs]] |= bit
    return table


SIGNS = _sign_table()
SIMPLE = np.zeros(256, np.uint8)
"""1: a sign that is cut off behind any letter or digit, but for full stops; 2: one that ends a sentence too."""
SIMPLE[list(b",:;)\"'.?!")] = [1, 1, 1, 1, 1, 1, 2, 2, 2]

_ABBREVIATIONS = np.array(
    [
        int.from_bytes(word, "little")
        for word in (
            b"Mr Mrs Ms Dr Jr Sr St Prof Rev Gen Gov Rep Sen Inc Co Corp Ltd vs "
            b"Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec"
        ).split()
    ],
    np.int64,
)


@lean_kernel
def is_wide_sign(point: int, flags: Flags) -> bool:
    """Tell whether a code point beyond ASCII is cut off like a sign: punctuation, currency, arrows, dingbats, emoji."""
    return flags[point] & PUNCTUATION != 0 or (
        flags[point] & WORD == 0
        and (
            0x2010 <= point < 0x2030
            or 0x20A0 <= point < 0x2C00
            or 0x1F000 <= point < 0x1FB00
            or point == 0xA1
            or point == 0xBF
        )
    )


@lean_kernel
def is_digit(data: Bytes, i: int) -> bool:
    """Tell whether byte `i` is an ASCII digit."""
    return bool(0x30 <= data[i] <= 0x39)


@lean_kernel
def is_cut_stop(data: Bytes, a: int, i: int) -> bool:
    """Tell whether the full stop at byte `i` > `a`, behind the word from `a`, is cut off rather than a part of it.

    It is a part behind an initial (`U.S.`, `e.g.`, `x.`), an abbreviation, a symbol, or a single capital.
    """
    before = data[i - 1]
    if before >= 0x80:
        return True
    is_lower = 0x61 <= before <= 0x7A
    if not is_lower and not 0x41 <= before <= 0x5A:
        return is_digit(data, i - 1) or SIGNS[before] & TRAILING != 0 or before in (0x25, 0x2B, 0x2D)
    if i - 1 == a or data[i - 2] == 0x2E:
        return False
    if not is_lower:
        return bool(0x41 <= data[i - 2] <= 0x5A)
    if i - a > 4:
        return True
    packed = np.int64(0)
    for j in range(a, i):
        packed |= np.int64(data[j]) << (8 * (j - a))
    known = 0
    while known < _ABBREVIATIONS.shape[0] and _ABBREVIATIONS[known] != packed:
        known += 1
    return bool(known == _ABBREVIATIONS.shape[0])


@lean_kernel
def core_end(data: Bytes, a: int, b: int, flags: Flags) -> int:
    """Return where the trailing signs of data[a:b] begin, at least `a`."""
    end = b
    while end > a:
        i = end - 1
        byte = data[i]
        if byte == 0x2E:
            if i == a:
                break
            if data[i - 1] == 0x2E:
                while i > a and data[i - 1] == 0x2E:
                    i -= 1
            elif not is_cut_stop(data, a, i):
                break
        elif byte >= 0x80:
            while i > a and data[i] & 0xC0 == 0x80:
                i -= 1
            point, length = decode(data, i, end)
            if i + length != end or not is_wide_sign(point, flags):
                break
        elif SIGNS[byte] & AFTER_DIGIT and i > a and is_digit(data, i - 1):
            pass
        elif SIGNS[byte] & TRAILING == 0:
            break
        elif byte == 0x5D:  # a citation, [12], does not hide the end of the sentence before it
            j = i
            while j > a and is_digit(data, j - 1):
                j -= 1
            if j > a and data[j - 1] == 0x5B:
                i = j - 1
        end = i
    return end
