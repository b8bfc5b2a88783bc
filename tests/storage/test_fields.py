from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.storage.fields import hosts, parse_created

PARSED = [
    ("1987", datetime(1987, 1, 1), "year"),
    ("1987.0", datetime(1987, 1, 1), "year"),
    ("1987-02", datetime(1987, 2, 1), "month"),
    ("1987-02-26", datetime(1987, 2, 26), "day"),
    ("19870226", datetime(1987, 2, 26), "day"),
    (" 2024-02-29 ", datetime(2024, 2, 29), "day"),
    ("2024-02-29T23:59:58Z", datetime(2024, 2, 29, 23, 59, 58), "second"),
    ("20240229T235958Z", datetime(2024, 2, 29, 23, 59, 58), "second"),
    ("2024-02-29 23:59", datetime(2024, 2, 29, 23, 59), "second"),
    ("2024-02-29T23:59:58.1234567+02:00", datetime(2024, 2, 29, 21, 59, 58, 123456), "second"),
    ("2024-02-29T23:59:58.5-0530", datetime(2024, 3, 1, 5, 29, 58, 500000), "second"),
    ("2024-02-29 00:10:00+02", datetime(2024, 2, 28, 22, 10), "second"),
]
UNPARSED = [
    "", "yesterday", "2023-02-29", "2023-13-01", "2023-00", "2023-01-00", "0000", "198702", "2024-02-29T24:00",
    "2024-02-29T12:60", "2024-02-29T12:00:61", "2024-02-29T12", "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00", "12024-01-01", "1700000000", "२०२४-०१-०१",
]  # fmt: skip


@pytest.mark.parametrize(("text", "time", "precision"), PARSED)
def test_iso_text(text: str, time: datetime, precision: str) -> None:
    created = parse_created(pa.array([text]))
    assert created.time.to_pylist() == [time.replace(tzinfo=UTC)]
    assert created.precision.to_pylist() == [precision]
    assert created.unparsed == 0


def test_what_is_no_time_is_null_and_counted() -> None:
    created = parse_created(pa.array([*UNPARSED, None, "2024"], pa.large_string()))
    assert created.time.null_count == created.precision.null_count == len(UNPARSED) + 1
    assert created.unparsed == len(UNPARSED)


@given(st.lists(st.datetimes(timezones=st.sampled_from([UTC]), min_value=datetime(1, 1, 2)), max_size=5))
def test_agrees_with_the_standard_library(times: list[datetime]) -> None:
    created = parse_created(pa.array([time.isoformat() for time in times], pa.string()))
    assert created.time.to_pylist() == times


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit(unit: str) -> None:
    time = datetime(2001, 9, 9, 1, 46, 40)
    created = parse_created(pa.array([time, None], pa.timestamp(unit)))
    assert created.time.to_pylist() == [time.replace(tzinfo=UTC), None]
    assert created.precision.to_pylist() == ["second", None]
    assert created.unparsed == 0


def test_other_types() -> None:
    assert parse_created(pa.array([date(2001, 2, 3)])).precision.to_pylist() == ["day"]
    assert parse_created(pa.array([date(2001, 2, 3)], pa.date64())).time.to_pylist() == [
        datetime(2001, 2, 3, tzinfo=UTC)
    ]
    years = parse_created(pa.array([1987, None, 5], pa.int16()))
    assert years.time.to_pylist() == [datetime(1987, 1, 1, tzinfo=UTC), None, None]
    assert years.unparsed == 1
    assert parse_created(pa.array([1987.0, 1987.5])).precision.to_pylist() == ["year", None]
    assert parse_created(pa.array([True, None])).unparsed == 1
    assert parse_created(pa.nulls(3)).unparsed == 0
    assert parse_created(pa.array([2**62], pa.timestamp("s"))).unparsed == 1
    assert parse_created(pa.array([], pa.string())).time.to_pylist() == []


def test_hosts() -> None:
    urls = [
        "https://WWW.Example.com:8080/a?b#c", "http://user:pw@example.org", "//cdn.example.net/x", "ftp://[2001:DB8::1]/",
        "example.com/x", "mailto:a@b.c", "http://", "http:///x", "", "https://bücher.example/ü", None,
    ]  # fmt: skip
    assert hosts(pa.array(urls, pa.large_string())).to_pylist() == [
        "www.example.com", "example.org", "cdn.example.net", "[2001:db8::1]",
        None, None, None, None, None, "bücher.example", None,
    ]  # fmt: skip


def test_hosts_of_real_urls_agree_with_the_standard_library(shared_data) -> None:  # type: ignore[no-untyped-def]
    urls = pq.read_table(shared_data / "corpus" / "blog.parquet", columns=["url"]).column("url").combine_chunks()
    assert len(urls.drop_null()) > 100
    expected = [None if url is None else urlsplit(url).hostname for url in urls.to_pylist()]
    assert hosts(urls).to_pylist() == expected


def test_created_of_real_documents_parses(shared_data) -> None:  # type: ignore[no-untyped-def]
    for name in ("biomed", "blog", "news", "legal_scotus_oral"):
        values = pq.read_table(shared_data / "corpus" / f"{name}.parquet", columns=["created"]).column("created")
        created = parse_created(values.combine_chunks())
        assert created.unparsed == 0
        assert created.time.null_count == values.null_count < len(values)
