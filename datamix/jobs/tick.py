"""A tick: submit what is due, once, and see how earlier jobs fare. For cron, systemd, or a loop."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datamix.errors import JobError
from datamix.jobs.agenda import Agenda, plan_tick
from datamix.jobs.book import Job, JobBook
from datamix.jobs.cluster import Clusters
from datamix.jobs.due import upcoming
from datamix.jobs.submit import refresh, run_command, send
from datamix.spec.project import ProjectFile
from datamix.storage.store import Store


@dataclass(frozen=True)
class TickReport:
    """What a tick did.

    Args:
        now: the time that it went by.
        first_seen: schedules that it saw for the first time, or changed: due from now on.
        submitted: jobs that it sent, or found sent by a tick that was killed.
        missed: jobs that it recorded as missed.
        refreshed: earlier jobs whose status changed.
        silent: a sentence for each cluster of an earlier job that does not answer.
    """

    now: datetime
    first_seen: tuple[str, ...]
    submitted: tuple[Job, ...]
    missed: tuple[Job, ...]
    refreshed: tuple[Job, ...]
    silent: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `datamix schedule tick --json` prints."""
        return {
            "now": self.now.isoformat(),
            "first_seen": self.first_seen,
            "submitted": [job.to_json() for job in self.submitted],
            "missed": [job.to_json() for job in self.missed],
            "refreshed": [job.to_json() for job in self.refreshed],
            "silent": self.silent,
        }


def tick(file: ProjectFile, address: str, now: datetime) -> TickReport:
    """Submit what is due at a time and was not yet, record what was missed, refresh the status of earlier jobs.

    Repeat it as often as you like: a due time is submitted once, also when ticks are killed or run at once.

    Args:
        file: the project.
        address: the cluster to submit to; it is asked only where there is something to submit.
        now: aware.

    Raises:
        JobError: something is due, and the cluster does not answer; the next tick tries again.
    """
    book = JobBook(Store.create(file.store_folder))
    clusters = Clusters()
    with book.lock():
        agenda = plan_tick(
            file.project.schedules,
            book.sights(),
            book.jobs(),
            now,
            address=address,
            command=run_command(file),
            new_key=lambda: secrets.token_hex(4),
        )
        _note(book, agenda)
        try:
            submitted = [send(book, clusters[address], job) for job in agenda.submissions]
            changed, silent = refresh(book, clusters, agenda.overtaken)
        except JobError:
            book.publish()  # what was noted: missed times, and that the submission failed
            raise
    sent = {job.job for job in submitted}
    report = TickReport(
        now,
        tuple(sight.schedule for sight in agenda.sights),
        tuple(submitted),
        (*agenda.missed, *(job for job in changed if job.status == "missed")),
        tuple(job for job in changed if job.status != "missed" and job.job not in sent),
        tuple(silent),
    )
    if report.submitted or report.missed or report.refreshed:
        book.publish()
    return report


def _note(book: JobBook, agenda: Agenda) -> None:
    """Record everything that needs no cluster."""
    for sight in agenda.sights:
        book.write_sight(sight)
    for name in agenda.forgotten:
        book.forget(name)
    for job in agenda.missed:
        book.write(job)


def schedule_rows(file: ProjectFile, now: datetime) -> list[dict[str, Any]]:
    """Return one row by schedule: when it is due next, and its last job."""
    store = Store(file.store_folder)
    book = JobBook(store)
    jobs, sights = book.jobs(), book.sights()
    rows = []
    for schedule in file.project.schedules:
        last = next((job for job in jobs if job.schedule == schedule.name), None)
        sight = sights.get(schedule.name)
        following = upcoming(schedule.cron, schedule.timezone, now, 1)
        rows.append(
            {
                "schedule": schedule.name,
                "cron": schedule.cron,
                "timezone": schedule.timezone,
                "next_due": following[0] if following else None,
                "first_seen": sight.since if sight else None,
                "last_due": last.due if last else None,
                "last_job": last.job if last else None,
                "status": last.status if last else None,
            }
        )
    return rows
