from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.jobs.due import HORIZON, MAX_MISSED, due_after, due_since, upcoming

MALTA = "Europe/Malta"
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 becomes 03:00
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00
DAY = timedelta(days=1)

fixed_times = st.builds(
    lambda minutes, hours: f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *",
    st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True),
)
expressions = st.one_of(
    fixed_times,
    st.sampled_from(["*/20 * * * *", "7 * * * *", "*/30 2 * * *", "30 2 * * 0", "0 3 29 3 *", "15 */2 * * *"]),
)


def moments_around_a_change(count: int) -> st.SearchStrategy[list[datetime]]:
    minutes = st.lists(st.integers(-2000, 2000), min_size=count, max_size=count)
    return st.builds(
        lambda change, offsets: sorted(change + timedelta(minutes=offset) for offset in offsets),
        st.sampled_from([SPRING, AUTUMN]),
        minutes,
    )


def due(cron: str, timezone: str, since: datetime, now: datetime) -> list[datetime]:
    return list(takewhile(lambda moment: moment <= now, due_after(cron, timezone, since)))


def test_a_time_that_the_clocks_skip_is_due_once_when_the_gap_ends():
    assert due("30 2 * * *", MALTA, SPRING - DAY, SPRING + DAY) == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]


def test_a_time_that_the_clocks_repeat_is_due_once():
    assert due("30 2 * * *", MALTA, AUTUMN - DAY, AUTUMN + 2 * DAY) == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_a_wildcard_follows_real_time(change: datetime):
    moments = due("*/30 * * * *", MALTA, change - DAY, change + DAY)
    assert moments == [change - DAY + timedelta(minutes=30 * i) for i in range(1, 97)]


def test_weekday_0_and_7_are_sunday_and_1_is_monday():
    since = datetime(2026, 6, 1, tzinfo=UTC)
    weekdays = [upcoming(f"0 3 * * {day}", "UTC", since, 1)[0].isoweekday() for day in range(8)]
    assert weekdays == [7, 1, 2, 3, 4, 5, 6, 7]


def test_the_time_zone_counts():
    assert upcoming("0 3 * * *", MALTA, datetime(2026, 7, 1, tzinfo=UTC), 1) == [datetime(2026, 7, 1, 1, tzinfo=UTC)]


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59), st.integers(2020, 2035))
def test_a_fixed_time_is_due_once_on_every_day_of_a_year(hour: int, minute: int, year: int):
    zone = ZoneInfo(MALTA)
    start, end = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    moments = due(f"{minute} {hour} * * *", MALTA, start - timedelta(seconds=1), end - timedelta(seconds=1))
    days = [moment.astimezone(zone).date() for moment in moments]
    assert days == [date(year, 1, 1) + i * DAY for i in range((end.date() - start.date()).days)]


@settings(deadline=None)
@given(expressions, moments_around_a_change(3))
def test_nothing_is_lost_or_doubled_wherever_a_span_is_cut(cron: str, moments: list[datetime]):
    first, middle, last = moments
    whole = due(cron, MALTA, first, last)
    assert due(cron, MALTA, first, middle) + due(cron, MALTA, middle, last) == whole
    assert whole == sorted(set(whole))
    assert all(first < moment <= last for moment in whole)


@settings(deadline=None)
@given(expressions, moments_around_a_change(2))
def test_the_latest_is_run_and_the_others_are_missed(cron: str, moments: list[datetime]):
    since, now = moments
    found = due_since(cron, MALTA, since, now)
    expected = due(cron, MALTA, since, now)
    assert [*found.missed, *([found.latest] if found.latest else [])] == expected
    assert found.omitted == 0


def test_a_long_absence_is_bounded():
    now = datetime(2026, 6, 1, tzinfo=UTC)
    found = due_since("0 * * * *", "UTC", now - 10 * HORIZON, now)
    assert found.latest == now
    assert len(found.missed) == MAX_MISSED
    assert found.omitted == 366 * 24 - 1 - MAX_MISSED


def test_a_rare_time_is_found_but_not_before_it_comes():
    assert upcoming("0 0 29 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC), 1) == [datetime(2028, 2, 29, tzinfo=UTC)]
    assert (
        due_since("0 0 29 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)).latest
        is None
    )
