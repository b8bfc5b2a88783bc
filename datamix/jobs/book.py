"""The book of jobs: what was submitted, missed and seen, as journal entries, under a lock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from filelock import FileLock, Timeout

from datamix.errors import StoreError
from datamix.pipeline.commits import Commits
from datamix.pipeline.publication import publish_catalog
from datamix.storage.journal import Kind
from datamix.storage.store import Store

Status = Literal["submitting", "pending", "running", "succeeded", "failed", "stopped", "missed", "lost"]

LOCK_TIMEOUT_S = 60.0  # a submission to a cluster that is slow to answer takes some seconds
_JOBS: Kind = "jobs"
_SCHEDULES: Kind = "schedules"
_TIMES = ("due", "submitted", "ended")


@dataclass(frozen=True)
class Job:
    """A job, as far as it is known. All times are aware, in UTC.

    Args:
        job: the submission id on the cluster, unique to the store.
        status: Ray's in lower case, or `submitting` (about to be sent, or sent by a process that was killed before it
            could note so), `missed` (due, but never sent), `lost` (the cluster no longer knows it).
        address: the cluster.
        command: what it runs.
        schedule: the schedule that it belongs to, if any.
        due: when it was due.
        cron: the schedule's expression at that time.
        timezone: the schedule's time zone at that time.
        submitted: when the cluster took it.
        ended: when it ended.
        exit_code: of its process, once it ended.
        message: one line about the status.
        log_tail: the end of its log, once it ended.
    """

    job: str
    status: Status
    address: str | None
    command: str
    schedule: str | None = None
    due: datetime | None = None
    cron: str | None = None
    timezone: str | None = None
    submitted: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    message: str | None = None
    log_tail: str | None = None

    @property
    def open(self) -> bool:
        """Whether a cluster may still run it."""
        return self.status in ("submitting", "pending", "running")

    def to_json(self) -> dict[str, Any]:
        """Return the journal's entry; times are ISO text in UTC."""
        return {**asdict(self), **{name: _text(getattr(self, name)) for name in _TIMES}}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Job:
        """Return the job that `to_json` wrote."""
        return cls(**{**entry, **{name: _moment(entry[name]) for name in _TIMES}})


@dataclass(frozen=True)
class Sight:
    """A schedule as it was first seen: what was due before is history.

    Args:
        schedule: its name.
        cron: its expression.
        timezone: its time zone.
        since: when a tick first saw it with this expression and time zone.
        key: part of its jobs' ids, so that two projects on one cluster never share an id.
    """

    schedule: str
    cron: str
    timezone: str
    since: datetime
    key: str


class JobBook:
    """The jobs and schedules that a store remembers.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock under which jobs are submitted and their entries change; a run does not hold it.

        Raises:
            StoreError: another process holds it for long.
        """
        lock = FileLock(self.store.folder / "jobs.lock")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except Timeout:
            raise StoreError(
                f"another process has been submitting jobs of the store in {self.store.folder} for more than "
                f"{LOCK_TIMEOUT_S:.0f} s; wait until it ends, then try again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def jobs(self) -> list[Job]:
        """Return all jobs, the latest first."""
        jobs = [Job.from_json(entry) for entry in self.store.journal.entries(_JOBS).values()]
        first = datetime.min.replace(tzinfo=UTC)
        return sorted(jobs, key=lambda job: (job.due or job.submitted or first, job.job), reverse=True)

    def write(self, job: Job) -> None:
        """Record what is known of a job, durable when this returns."""
        self.store.journal.write(_JOBS, job.job, job.to_json())

    def sights(self) -> dict[str, Sight]:
        """Return the schedules that were seen, by name."""
        entries = self.store.journal.entries(_SCHEDULES)
        return {name: Sight(**{**entry, "since": _moment(entry["since"])}) for name, entry in entries.items()}

    def write_sight(self, sight: Sight) -> None:
        """Record when a schedule was first seen."""
        self.store.journal.write(_SCHEDULES, sight.schedule, {**asdict(sight), "since": _text(sight.since)})

    def forget(self, schedule: str) -> None:
        """Forget a schedule that the project no longer has; its jobs stay."""
        self.store.journal.remove(_SCHEDULES, schedule)

    def publish(self) -> bool:
        """Publish the catalog with the jobs as they are now; leave it to the next run where one is writing the store.

        Returns:
            Whether it was published; False also before the first run, when there is no catalog.
        """
        if not self.store.catalog_file.is_file():
            return False
        with ExitStack() as held:
            try:
                held.enter_context(self.store.lock(timeout_s=0))
            except StoreError:
                return False
            publish_catalog(self.store, Commits(self.store.journal))
        return True


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
