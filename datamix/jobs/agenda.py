"""What a tick has to do: a function of the schedules, what was recorded of them, and the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from datamix.jobs.book import Job, Sight
from datamix.jobs.due import due_since
from datamix.spec.project import Schedule


@dataclass(frozen=True)
class Agenda:
    """What a tick has to do, in this order. Each step may be repeated: a killed tick loses and doubles nothing.

    Args:
        sights: schedules that are new or have changed, to be recorded.
        forgotten: names of schedules that the project no longer has.
        missed: jobs to be recorded as missed: a later time of their schedule is due.
        submissions: jobs to be recorded as `submitting`, then sent; at most one by schedule.
        overtaken: left as `submitting` by a tick that was killed, and not to be sent any more, since a later time is
            due or the schedule has gone: they are on the cluster, or missed.
    """

    sights: tuple[Sight, ...]
    forgotten: tuple[str, ...]
    missed: tuple[Job, ...]
    submissions: tuple[Job, ...]
    overtaken: tuple[Job, ...]


def plan_tick(
    schedules: Sequence[Schedule],
    sights: Mapping[str, Sight],
    jobs: Sequence[Job],
    now: datetime,
    *,
    address: str,
    command: str,
    new_key: Callable[[], str],
) -> Agenda:
    """Return what is to be done now.

    A schedule is due at times after it was first seen, after its last recorded job, and not after now. Only the latest
    of them is run. A schedule whose expression or time zone changed counts as first seen again.

    Args:
        schedules: of the project.
        sights: recorded ones, by schedule.
        jobs: all recorded jobs.
        now: aware.
        address: the cluster to submit to.
        command: what a job runs.
        new_key: gives the key of a schedule that is seen for the first time.
    """
    new: list[Sight] = []
    missed: list[Job] = []
    submissions: list[Job] = []
    for schedule in schedules:
        sight = _sight(schedule, sights.get(schedule.name), now, new_key)
        if sight != sights.get(schedule.name):
            new.append(sight)
        own = [job for job in jobs if job.schedule == schedule.name and job.due is not None]
        since = max([sight.since, *(job.due for job in own if job.due is not None)])
        due = due_since(sight.cron, sight.timezone, since, now)
        if due.latest is not None:
            skipped = [_job(sight, moment, "missed", None, command) for moment in due.missed]
            if due.omitted:
                skipped[0] = replace(skipped[0], message=f"{due.omitted:,} earlier ones were missed, too")
            missed += skipped
            submissions.append(_job(sight, due.latest, "submitting", address, command))
        elif own:
            last = max(own, key=lambda job: job.due or since)
            if last.status == "submitting":
                submissions.append(replace(last, address=address, command=command))
    sent = {job.job for job in submissions}
    return Agenda(
        sights=tuple(new),
        forgotten=tuple(sorted(sights.keys() - {schedule.name for schedule in schedules})),
        missed=tuple(missed),
        submissions=tuple(submissions),
        overtaken=tuple(job for job in jobs if job.schedule and job.status == "submitting" and job.job not in sent),
    )


def _sight(schedule: Schedule, known: Sight | None, now: datetime, new_key: Callable[[], str]) -> Sight:
    if known is None:
        return Sight(schedule.name, schedule.cron, schedule.timezone, now, new_key())
    if (known.cron, known.timezone) != (schedule.cron, schedule.timezone):
        return replace(known, cron=schedule.cron, timezone=schedule.timezone, since=now)
    return known


def _job(sight: Sight, due: datetime, status: str, address: str | None, command: str) -> Job:
    return Job(
        job=f"dm-{sight.key}-{sight.schedule}-{due:%Y%m%dT%H%M%SZ}",
        status="missed" if status == "missed" else "submitting",
        address=address,
        command=command,
        schedule=sight.schedule,
        due=due,
        cron=sight.cron,
        timezone=sight.timezone,
    )
