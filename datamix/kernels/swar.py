"""Eight bytes at a time in one register: unaligned loads, and which of the eight bytes are what is sought."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from datamix.kernels.buffers import Bytes
from datamix.kernels.compile import lean_kernel

ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)
_LOWS = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE = np.uint64(0x2020202020202020)
_SPACE_AND_BELOW = np.uint64(0x2121212121212121)
_FROM_A = np.uint64((0x80 - 0x61) * 0x0101010101010101)
_BEYOND_Z = np.uint64((0x80 - 0x7B) * 0x0101010101010101)


@intrinsic
def _load_word(typing_context: Any, data: Any, i: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.intp), generate


@intrinsic
def _store_word(typing_context: Any, data: Any, i: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        stored = builder.store(arguments[2], builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(data, types.intp, types.uint64), generate


@intrinsic
def _count_trailing_zeros(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


load_word = cast("Callable[[Bytes, int], np.uint64]", _load_word)
"""Return the eight bytes data[i:i + 8], the first in the lowest bits; i + 8 <= data.shape[0]."""

store_word = cast("Callable[[Bytes, int, np.uint64], None]", _store_word)
"""Write a word to data[i:i + 8], its lowest bits first; i + 8 <= data.shape[0]."""

_trailing_zeros = cast("Callable[[np.uint64], np.uint64]", _count_trailing_zeros)


@lean_kernel
def first_byte(mask: np.uint64) -> int:
    """Return which byte holds the lowest bit of `mask`: 0 to 7, or 8 where none does."""
    return int(np.int64(_trailing_zeros(mask) >> np.uint64(3)))


@lean_kernel
def not_letters(word: np.uint64) -> np.uint64:
    """Return the high bit of each byte of `word` that is not an ASCII letter."""
    low = (word | _CASE) & _LOWS
    return ~((low + _FROM_A) & ~(low + _BEYOND_Z) & ~word) & HIGHS


@lean_kernel
def not_visible(word: np.uint64) -> np.uint64:
    """Return the high bit of the first byte of `word` that is a space, a control or beyond ASCII, and of some later."""
    return ((word - _SPACE_AND_BELOW) | word) & HIGHS


@lean_kernel
def zero_bytes(word: np.uint64) -> np.uint64:
    """Return the high bit of each zero byte of `word`, and perhaps of bytes 0x01 above one."""
    return (word - ONES) & ~word & HIGHS


@lean_kernel
def hash_bytes(data: Bytes, start: int, end: int) -> int:
    """Return a hash of data[start:end], from 0 to 2**63 - 1, for tables in memory: equality is decided by the bytes."""
    h = np.uint64(end - start)
    i = start
    while i < end:
        if i + 8 <= data.shape[0]:
            word = load_word(data, i)
        else:
            word = np.uint64(0)
            for j in range(i, data.shape[0]):
                word |= np.uint64(data[j]) << np.uint64(8 * (j - i))
        if i + 8 > end:
            word &= (np.uint64(1) << np.uint64(8 * (end - i))) - np.uint64(1)
        h = (h ^ word) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(32)
        i += 8
    h = (h ^ h >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)  # so that late bytes reach the low bits
    h ^= h >> np.uint64(32)
    return int(np.int64(h >> np.uint64(1)))
