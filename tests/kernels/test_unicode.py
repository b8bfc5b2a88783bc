from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels import unicode
from datamix.kernels.unicode import code_points, decode

CHARACTERS = [chr(point) for point in range(0x110000)]


def is_final_line_break(character: str) -> bool:
    return len(f"a{character}b".splitlines()) == 2


@pytest.mark.parametrize(
    ("flag", "oracle"),
    [
        (unicode.WORD, re.compile(r"\w").match),
        (unicode.ALPHA, str.isalpha),
        (unicode.SPACE, str.isspace),
        (unicode.UPPER, str.isupper),
        (unicode.DIGIT, re.compile(r"\d").match),
        (unicode.LINE_BREAK, is_final_line_break),
    ],
)
def test_flags_are_pythons(flag: int, oracle: object) -> None:
    expected = np.fromiter((bool(oracle(character)) for character in CHARACTERS), bool)  # type: ignore[operator]
    np.testing.assert_array_equal(code_points().flags & flag != 0, expected)


@pytest.mark.parametrize("character", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~“”„…—–’«»。、！？؟।\x00\x85\r")
def test_punctuation(character: str) -> None:
    assert code_points().flags[ord(character)] & unicode.PUNCTUATION


@pytest.mark.parametrize("character", "aZ0 \t\né中🙂•©€‘")
def test_not_punctuation(character: str) -> None:
    assert not code_points().flags[ord(character)] & unicode.PUNCTUATION


def test_terminals_end_sentences_in_many_scripts() -> None:
    terminal = code_points().flags & unicode.TERMINAL != 0
    assert all(terminal[ord(character)] for character in ".!?。！？؟।።‼⁇")
    assert not any(terminal[ord(character)] for character in ",;:…\"'、)")
    assert terminal.sum() == 159


def test_lower_is_pythons_but_for_the_dotted_capital_i() -> None:
    lower = code_points().lower
    differing = [c for c in CHARACTERS if c.lower() != chr(lower[ord(c)])]
    assert differing == ["İ"]
    assert chr(lower[ord("İ")]) == "i"


def test_tables_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        code_points().flags[0] = 1


def points(data: bytes) -> list[int]:
    buffer = np.frombuffer(data, np.uint8)
    decoded, i = [], 0
    while i < len(data):
        point, length = decode(buffer, i, len(data))
        decoded.append(point)
        i += length
    assert i == len(data)
    return decoded


@settings(deadline=None)  # the first example compiles
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_decode_reads_utf_8(text: str) -> None:
    assert points(text.encode()) == [ord(character) for character in text]


def test_decode_reads_all_ranges() -> None:
    valid = [point for point in range(0, 0x110000, 31) if not 0xD800 <= point < 0xE000]
    borders = [0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]
    text = "".join(map(chr, valid + borders))
    assert points(text.encode()) == valid + borders


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.sampled_from([0x00, 0x41, 0x80, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF])))
def test_decode_takes_any_bytes(values: list[int]) -> None:
    data = bytes(values)
    expected, i = [], 0
    while i < len(data):
        for length in range(1, 5):
            try:
                expected.append(ord(data[i : i + length].decode()))
            except (UnicodeDecodeError, TypeError):
                continue
            i += length
            break
        else:
            expected.append(unicode.REPLACEMENT)
            i += 1
    assert points(data) == expected
