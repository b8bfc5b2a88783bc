"""What a document's metadata say: when it was created, and its host."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_FIRST = np.datetime64("0001-01-01", "us").astype(np.int64)
_LAST = np.datetime64("9999-12-31T23:59:59.999999", "us").astype(np.int64)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_US = 86_400_000_000

_COMPACT = r"^\s*([0-9]{4})([0-9]{2})([0-9]{2})([Tt ].*)?$"
_ISO_8601 = (
    r"^\s*(?P<year>[0-9]{4})(?:\.0|-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?)?)?)?\s*$"
)
_HOST = (
    r"^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:@\s\[\]]+)(?::[0-9]*)?(?:[/?#]|\s*$)"
)


class Created(NamedTuple):
    """When documents were created.

    Args:
        time: timestamp[us, UTC]: the start of what is known, null where nothing is.
        precision: `second`, `day`, `month` or `year`; null with the time. A time of day has `second`.
        unparsed: how many values were there, but are no time between the years 1 and 9999.
    """

    time: pa.TimestampArray
    precision: pa.LargeStringArray
    unparsed: int


def parse_created(values: pa.Array) -> Created:
    """Read dates, timestamps, ISO 8601 text (calendar dates, with or without hyphens) or four-digit years.

    A time without zone is UTC; fractions of a second are cut to microseconds. Values of any other type are unparsed.
    """
    type_ = values.type
    if pa.types.is_date(type_):
        days = np.asarray(pc.fill_null(values.cast(pa.date32()).cast(pa.int32()), 0)).astype(np.int64)
        return _created(values, days * _DAY_US, np.full(len(values), "day"), np.ones(len(values), np.bool_))
    if pa.types.is_timestamp(type_):
        ticks = np.asarray(pc.fill_null(values.cast(pa.int64()), 0))
        per_second = _PER_SECOND[type_.unit]
        if per_second > 10**6:
            ticks, scale = ticks // (per_second // 10**6), 1
        else:
            scale = 10**6 // per_second
        inside = (ticks >= _FIRST // scale) & (ticks <= _LAST // scale)
        return _created(values, np.where(inside, ticks, 0) * scale, np.full(len(values), "second"), inside)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or is_text(type_):
        return _parse_text(values.cast(pa.large_string()))
    nothing = np.zeros(len(values), np.int64)
    return _created(values, nothing, np.full(len(values), "day"), nothing.astype(np.bool_))


def hosts(urls: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the host of each URL in lower case (RFC 3986, section 3.2.2), null where a value is no URL with a host."""
    return pc.utf8_lower(pc.struct_field(pc.extract_regex(urls, _HOST), "host"))


def is_text(type_: pa.DataType) -> bool:
    """Return whether an Arrow type holds strings."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _parse_text(values: pa.LargeStringArray) -> Created:
    fields = pc.extract_regex(pc.replace_substring_regex(values, _COMPACT, r"\1-\2-\3\4"), _ISO_8601)
    text = {field.name: pc.fill_null(pc.struct_field(fields, field.name), "") for field in fields.type}
    text["fraction"] = pc.utf8_slice_codeunits(pc.utf8_rpad(text["fraction"], 6, "0"), 0, 6)
    number = {name: _numbers(text[name]) for name in text if name not in ("zone", "sign")}

    given = {name: np.asarray(pc.not_equal(text[name], "")) for name in ("month", "day", "hour")}
    month = np.where(given["month"], number["month"], 1)
    day = np.where(given["day"], number["day"], 1)
    months = (number["year"] - 1970).astype("M8[Y]").astype("M8[M]") + (month - 1)
    days = months.astype("M8[D]") + (day - 1)
    offset = (number["zone_hour"] * 60 + number["zone_minute"]) * np.where(pc.equal(text["sign"], "-"), -1, 1)
    minutes = number["hour"] * 60 + number["minute"] - offset
    ticks = days.astype(np.int64) * _DAY_US + (minutes * 60 + number["second"]) * 10**6 + number["fraction"]
    valid = (
        np.asarray(pc.is_valid(fields))
        & ((month >= 1) & (month <= 12) & (day >= 1) & (days.astype("M8[M]") == months))
        & ((number["hour"] < 24) & (number["minute"] < 60) & (number["second"] < 60))
        & ((number["zone_hour"] < 24) & (number["zone_minute"] < 60))
    )
    precision = np.select([given["hour"], given["day"], given["month"]], ["second", "day", "month"], "year")
    return _created(values, ticks, precision, valid)


def _numbers(digits: pa.LargeStringArray) -> npt.NDArray[np.int64]:
    filled = pc.if_else(pc.equal(digits, ""), pa.scalar("0", pa.large_string()), digits)
    return np.asarray(filled.cast(pa.int64()))


def _created(
    values: pa.Array, ticks: npt.NDArray[np.int64], precision: npt.NDArray[np.str_], valid: npt.NDArray[np.bool_]
) -> Created:
    present = np.asarray(pc.is_valid(values))
    known = present & valid & (ticks >= _FIRST) & (ticks <= _LAST)
    return Created(
        pa.array(ticks, pa.int64(), mask=~known).cast(_TIMESTAMP),
        pa.array(precision, pa.large_string(), mask=~known),
        int((present & ~known).sum()),
    )
