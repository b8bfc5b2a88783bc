"""When a schedule is due: arithmetic on a cron expression, a time zone and two moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

HORIZON = timedelta(days=366)
MAX_MISSED = 1000


@dataclass(frozen=True)
class Due:
    """What has come due since a moment.

    Args:
        latest: the last due time, in UTC; None where nothing is due.
        missed: those before it, in order, at most `MAX_MISSED` of the latest of them.
        omitted: how many came before the first of `missed`.
    """

    latest: datetime | None
    missed: tuple[datetime, ...]
    omitted: int


def due_since(cron: str, timezone: str, since: datetime, now: datetime) -> Due:
    """Return what has come due after `since` and until `now`; what lies more than `HORIZON` back is not looked at.

    Args:
        cron: five fields; weekday 0 and 7 are Sunday.
        timezone: IANA name.
        since: aware, exclusive.
        now: aware, inclusive.
    """
    start = max(since, now - HORIZON)
    recent: deque[datetime] = deque(maxlen=MAX_MISSED + 1)
    found = 0
    for moment in takewhile(lambda moment: moment <= now, due_after(cron, timezone, start)):
        recent.append(moment)
        found += 1
    if not recent:
        return Due(None, (), 0)
    return Due(recent[-1], tuple(recent)[:-1], found - len(recent))


def upcoming(cron: str, timezone: str, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` due times after a moment, in UTC; fewer where the expression has no more."""
    return list(islice(due_after(cron, timezone, after), count))


def due_after(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield the due times after a moment, in UTC, strictly increasing.

    As in Debian's cron, a fixed time that a clock change skips is due when the gap ends, and one that a clock change
    repeats is due the first time only. Expressions with `*` in minute or hour follow real time: `*/30 * * * *` is due
    every 30 minutes, whatever the clocks do.
    """
    previous = after.astimezone(UTC)
    # Moments of one zone compare by their wall clock, which runs twice through an hour: compare in UTC.
    for local in CronSim(cron, after.astimezone(ZoneInfo(timezone))):
        moment = local.astimezone(UTC)
        if moment > previous:
            yield moment
            previous = moment
