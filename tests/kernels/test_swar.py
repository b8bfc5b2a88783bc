from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.kernels import swar

eight_bytes = st.binary(min_size=8, max_size=8) | st.text(alphabet="azAZ@[`{ !\0\x7f", min_size=8, max_size=8).map(
    str.encode
)


def high_bytes(mask: int) -> list[int]:
    assert mask & ~int(swar.HIGHS) == 0
    return [i for i in range(8) if mask >> (8 * i + 7) & 1]


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=24), st.integers(0, 8))
def test_words_are_little_endian_and_unaligned(data: bytes, i: int) -> None:
    buffer = np.frombuffer(data, np.uint8)
    out = np.zeros(24, np.uint8)
    store(out, i, np.uint64(load(buffer, i)))
    assert int(load(buffer, i)) == int.from_bytes(data[i : i + 8], "little")
    assert out.tobytes() == bytes(i) + data[i : i + 8] + bytes(16 - i)


@swar.lean_kernel
def load(data: np.ndarray, i: int) -> np.uint64:
    return swar.load_word(data, i)


@swar.lean_kernel
def store(data: np.ndarray, i: int, word: np.uint64) -> None:
    swar.store_word(data, i, word)


@settings(deadline=None)
@given(eight_bytes)
def test_masks(data: bytes) -> None:
    word = np.uint64(int.from_bytes(data, "little"))
    assert high_bytes(swar.not_letters(word)) == [
        i for i, byte in enumerate(data) if not (byte < 128 and chr(byte).isalpha())
    ]
    first = next((i for i, byte in enumerate(data) if not 0x21 <= byte < 0x80), 8)
    assert swar.first_byte(np.uint64(swar.not_visible(word))) == first
    zeros = [i for i, byte in enumerate(data) if byte == 0]
    found = high_bytes(swar.zero_bytes(word))
    assert set(zeros) <= set(found)
    assert found[:1] == zeros[:1]


@pytest.mark.parametrize("i", range(8))
def test_first_byte(i: int) -> None:
    assert swar.first_byte(np.uint64(0x80 << 8 * i)) == i


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=10), st.binary(max_size=10))
def test_hash_is_of_the_bytes_alone(data: bytes, before: bytes, after: bytes) -> None:
    alone, within = np.frombuffer(data, np.uint8), np.frombuffer(before + data + after, np.uint8)
    value = swar.hash_bytes(alone, 0, len(data))
    assert value == swar.hash_bytes(within, len(before), len(before) + len(data))
    assert 0 <= value < 2**63


def test_hash_spreads_over_low_bits() -> None:
    lines = np.frombuffer(b"".join(f"{k:016d}".encode() for k in range(4096)), np.uint8)
    slots = {swar.hash_bytes(lines, 16 * k, 16 * k + 16) & 8191 for k in range(4096)}
    assert len(slots) > 0.95 * 8192 * (1 - np.exp(-0.5))
