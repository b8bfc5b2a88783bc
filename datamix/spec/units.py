"""Numbers as people write them: `1T` tokens, `64KB`, `20%`."""

from __future__ import annotations

import re
from fractions import Fraction

DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}
_COUNT = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][+]?[0-9]{1,2})?)\s*([KMBGT]?)\s*", re.IGNORECASE)
_SHARE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]{1,2})?)\s*(%?)\s*")


def parse_count(value: int | float | str) -> int:
    """Return a whole number from `1T`, `2.5B`, `300_000`, `1e9` or a number; suffixes are decimal, B is 10**9.

    Raises:
        ValueError: it is no number, negative, or not whole once the suffix is applied.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a number of tokens")
    match = _COUNT.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a number of tokens; write 300000, 2.5B or 1T (K, M, B, T)")
    count = Fraction(match[1].replace("_", "").replace(",", "")) * DECIMAL[match[2].upper()]
    if count.denominator != 1:
        raise ValueError(f"{value!r} is not a whole number of tokens")
    return int(count)


def parse_share(value: int | float | str) -> Fraction:
    """Return a share in [0, 1], exact as written, from `20%`, `0.2` or a number.

    Raises:
        ValueError: it is no number, or outside [0, 1].
    """
    match = None if isinstance(value, bool) else _SHARE.fullmatch(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a share; write 20% or 0.2")
    share = Fraction(match[1]) / (100 if match[2] else 1)
    if share > 1:
        raise ValueError(f"{value!r} is more than the whole; write a share up to 100%, or a number up to 1")
    return share


def format_count(count: float) -> str:
    """Return `274.80B` for 274_800_000_000: two decimals above a thousand, plain below."""
    for suffix in ("T", "B", "M", "K"):
        if abs(count) >= DECIMAL[suffix]:
            return f"{count / DECIMAL[suffix]:.2f}{suffix}"
    return f"{count:,.0f}"


def format_bytes(count: float) -> str:
    """Return `375.0 MB` for 375_000_000: decimal units."""
    for suffix, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(count) >= size:
            return f"{count / size:.1f} {suffix}"
    return f"{count:.0f} B"
