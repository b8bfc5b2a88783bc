"""What each Unicode code point is, as tables that kernels index, and the decoding of UTF-8."""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes
from datamix.kernels.compile import lean_kernel

WORD = 1
ALPHA = 2
SPACE = 4
UPPER = 8
DIGIT = 16
PUNCTUATION = 32
TERMINAL = 64
LINE_BREAK = 128

UNICODE_VERSION = unicodedata.unidata_version
"""The version of Unicode behind the tables: Python's own, part of the definition of whatever uses them."""

REPLACEMENT = 0xFFFD

_SIZE = 0x110000
_CAPITAL_I_WITH_DOT = 0x130

# Beyond ASCII, what datatrove 0.10 takes for punctuation (datatrove.utils.text.PUNCTUATION), in hexadecimal ranges.
_PUNCTUATION_BEYOND_ASCII = """
7F-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002 3008-300D 3010-3011 FF01 FF05 FF08-FF09 FF0C
FF0E FF11 FF1A-FF1B FF1F FF5E
"""

# The property Sentence_Terminal of Unicode 15.0, which Python's tables lack, and three Khmer signs (17D6, 17D9, 17DA);
# the same set as datatrove.utils.text.TERMINAL_PUNCTUATION.
_TERMINAL = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6
17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E
2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52
FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6
111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944
11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F
1DA88
"""

_LINE_BREAKS = "A-D 1C-1E 85 2028-2029"


class CodePoints(NamedTuple):
    r"""Tables over all code points, read-only, to be passed to kernels.

    Args:
        flags: uint8 [0x110000], a sum of
            WORD: Python's `\w`, that is `str.isalnum` or the underscore;
            ALPHA: `str.isalpha`;
            SPACE: `str.isspace`;
            UPPER: `str.isupper`;
            DIGIT: `str.isdecimal`, which is Python's `\d`;
            PUNCTUATION: what datatrove 0.10 calls so: ASCII punctuation and symbols, controls other than tab and
                newline, some forty signs beyond ASCII, and all that is TERMINAL;
            TERMINAL: ends a sentence in some script;
            LINE_BREAK: where `str.splitlines` cuts.
        lower: int32 [0x110000], the lower-case code point, itself where there is none. `str.lower` differs in two
            places: U+0130 gives two code points there and only the first, `i`, here; and a final sigma is contextual
            there and always U+03C3 here.
    """

    flags: npt.NDArray[np.uint8]
    lower: npt.NDArray[np.int32]


@functools.cache
def code_points() -> CodePoints:
    """Return the tables, built in a tenth of a second at the first call of a process."""
    points = np.arange(_SIZE, dtype=np.uint32)
    characters = points.view("<U1")
    is_word = np.strings.isalnum(characters)
    is_word[ord("_")] = True
    is_punctuation = _members(_PUNCTUATION_BEYOND_ASCII) | _members(_TERMINAL)
    is_punctuation[:127] |= ~is_word[:127]
    is_punctuation[[ord("\t"), ord("\n"), ord(" ")]] = False
    is_punctuation[ord("_")] = True
    flags = (
        is_word * np.uint8(WORD)
        + np.strings.isalpha(characters) * np.uint8(ALPHA)
        + np.strings.isspace(characters) * np.uint8(SPACE)
        + np.strings.isupper(characters) * np.uint8(UPPER)
        + np.strings.isdecimal(characters) * np.uint8(DIGIT)
        + is_punctuation * np.uint8(PUNCTUATION)
        + _members(_TERMINAL) * np.uint8(TERMINAL)
        + _members(_LINE_BREAKS) * np.uint8(LINE_BREAK)
    )
    lower = _lower_case(points)
    flags.setflags(write=False)
    lower.setflags(write=False)
    return CodePoints(flags, lower)


def _members(ranges: str) -> npt.NDArray[np.bool_]:
    """Return bool [0x110000] that is true within `ranges`, hexadecimal and inclusive."""
    members = np.zeros(_SIZE, np.bool_)
    for item in ranges.split():
        first, _, last = item.partition("-")
        members[int(first, 16) : int(last or first, 16) + 1] = True
    return members


def _lower_case(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
    """Lower all code points in one call: parted by spaces, so that none is a final sigma, and each stays one."""
    spaced = np.full(2 * _SIZE, ord(" "), np.uint32)
    spaced[::2] = points
    spaced[2 * _CAPITAL_I_WITH_DOT] = ord("i")
    text = spaced.tobytes().decode("utf-32-le", "surrogatepass")
    return np.frombuffer(text.lower().encode("utf-32-le", "surrogatepass"), np.int32)[::2].copy()


@lean_kernel
def decode(data: Bytes, i: int, end: int) -> tuple[int, int]:
    """Return the code point at byte `i` of data[:end], and its length in bytes; `i` < `end`.

    Any bytes are safe: where no well-formed sequence (Unicode, table 3-7) lies whole before `end`, the answer is
    (U+FFFD, 1). Callers keep the common case short: `if data[i] < 0x80` they use the byte itself, and decode otherwise.
    """
    first = int(np.int64(data[i]))
    if first < 0x80:
        return first, 1
    if first < 0xC2 or first > 0xF4 or i + 1 >= end:
        return REPLACEMENT, 1
    second = int(np.int64(data[i + 1]))
    if second & 0xC0 != 0x80:
        return REPLACEMENT, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | second & 0x3F, 2
    if i + 2 >= end or data[i + 2] & 0xC0 != 0x80:
        return REPLACEMENT, 1
    third = int(np.int64(data[i + 2])) & 0x3F
    if first < 0xF0:
        point = (first & 0x0F) << 12 | (second & 0x3F) << 6 | third
        if point < 0x800 or 0xD800 <= point < 0xE000:
            return REPLACEMENT, 1
        return point, 3
    if i + 3 >= end or data[i + 3] & 0xC0 != 0x80:
        return REPLACEMENT, 1
    point = (first & 0x07) << 18 | (second & 0x3F) << 12 | third << 6 | int(np.int64(data[i + 3])) & 0x3F
    if point < 0x10000 or point > 0x10FFFF:
        return REPLACEMENT, 1
    return point, 4
