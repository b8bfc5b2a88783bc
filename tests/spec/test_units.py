from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.spec.units import DECIMAL, format_bytes, format_count, parse_count, parse_share


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1T", 10**12),
        ("2.5B", 2_500_000_000),
        ("274.80G", 274_800_000_000),
        ("300_000", 300_000),
        ("1,234", 1234),
        ("64k", 64_000),
        ("1e9", 10**9),
        (" 7 M ", 7_000_000),
        (12, 12),
        (1e12, 10**12),
    ],
)
def test_counts_are_decimal_and_exact(text: str | float, count: int) -> None:
    assert parse_count(text) == count


@given(st.integers(0, 10**18), st.sampled_from(["K", "M", "B", "T"]))
def test_a_count_of_any_size_keeps_every_digit(count: int, suffix: str) -> None:
    whole, rest = divmod(count, DECIMAL[suffix])
    digits = len(str(DECIMAL[suffix])) - 1
    assert parse_count(f"{whole}.{rest:0{digits}}{suffix}") == count  # floats lose digits from 2**53 on


@pytest.mark.parametrize("text", ["1.5", "0.0001K", "-3", "1X", "1KB", "", "B", "1e400", "nan", True, "1.T", "１T0"])
def test_what_is_no_count_is_refused(text: str | bool) -> None:
    with pytest.raises(ValueError, match=r"number of tokens"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [("20%", Fraction(1, 5)), ("0.2", Fraction(1, 5)), (0.1, Fraction(1, 10)), ("1e-3", Fraction(1, 1000)), (1, 1)],
)
def test_shares_are_exact_as_written(text: str | float, share: Fraction) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["20", "101%", 1.5, "-0.1", "half", True, ""])
def test_what_is_no_share_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is not a share|more than the whole"):
        parse_share(text)


def test_formats() -> None:
    assert [format_count(n) for n in (999, 1000, 274_800_000_000, 1e12)] == ["999", "1.00K", "274.80B", "1.00T"]
    assert [format_bytes(n) for n in (12, 375_000_000, 2_500)] == ["12 B", "375.0 MB", "2.5 kB"]
