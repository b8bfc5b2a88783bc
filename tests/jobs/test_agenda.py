from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.jobs.agenda import Agenda, plan_tick
from datamix.jobs.book import Job, Sight
from datamix.jobs.due import due_after
from datamix.spec.project import Schedule

NIGHTLY = Schedule(name="nightly", cron="30 2 * * *", timezone="Europe/Malta")
FREQUENT = Schedule(name="frequent", cron="*/40 * * * *", timezone="UTC")
START = datetime(2026, 10, 24, 12, tzinfo=UTC)  # thirteen hours before the clocks go back in Malta


class KilledError(Exception):
    """The tick was killed here."""


class Rehearsal:
    """A store's records and a cluster that takes each id once, as far as ticks are concerned."""

    def __init__(self, *schedules: Schedule) -> None:
        self.schedules = schedules
        self.sights: dict[str, Sight] = {}
        self.jobs: dict[str, Job] = {}
        self.cluster: list[str] = []
        self.keys = (f"k{i}" for i in count())

    def plan(self, now: datetime) -> Agenda:
        return plan_tick(
            self.schedules, self.sights, list(self.jobs.values()), now,
            address="http://head:8265", command="datamix run", new_key=lambda: next(self.keys),
        )  # fmt: skip

    def tick(self, now: datetime, steps: int | None = None) -> Agenda:
        """Do what is to be done at `now`; where `steps` is given, crash after that many."""
        left = iter(range(steps)) if steps is not None else count()
        agenda = self.plan(now)

        def step() -> None:
            if next(left, None) is None:
                raise KilledError

        for sight in agenda.sights:
            step()
            self.sights[sight.schedule] = sight
        for name in agenda.forgotten:
            step()
            del self.sights[name]
        for job in agenda.missed:
            step()
            self.jobs[job.job] = job
        for job in agenda.submissions:
            step()
            self.jobs[job.job] = job
            step()
            if job.job not in self.cluster:  # Ray refuses an id that it has
                self.cluster.append(job.job)
            step()
            self.jobs[job.job] = replace(job, status="pending")
        for job in agenda.overtaken:
            step()
            self.jobs[job.job] = replace(job, status="pending" if job.job in self.cluster else "missed")
        return agenda


def test_nothing_is_due_when_a_schedule_is_first_seen():
    store = Rehearsal(NIGHTLY)
    agenda = store.tick(START)
    assert [sight.since for sight in agenda.sights] == [START]
    assert agenda.submissions == agenda.missed == ()


def test_what_is_due_is_submitted_once():
    store = Rehearsal(NIGHTLY)
    store.tick(START)
    later = START + timedelta(hours=20)
    assert [job.job for job in store.tick(later).submissions] == ["dm-k0-nightly-20261025T003000Z"]
    assert store.plan(later) == Agenda((), (), (), (), ())


def test_of_several_due_times_the_last_is_run_and_the_others_are_missed():
    store = Rehearsal(NIGHTLY)
    store.tick(START)
    agenda = store.tick(START + timedelta(days=3))
    assert [job.due for job in agenda.missed] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]
    assert [job.due for job in agenda.submissions] == [datetime(2026, 10, 27, 1, 30, tzinfo=UTC)]


def test_a_clock_that_was_set_back_repeats_nothing():
    store = Rehearsal(FREQUENT)
    store.tick(START)
    store.tick(START + timedelta(hours=5))
    assert store.plan(START + timedelta(hours=2)) == Agenda((), (), (), (), ())


def test_a_changed_schedule_starts_anew_and_keeps_its_key():
    store = Rehearsal(NIGHTLY)
    store.tick(START)
    store.schedules = (NIGHTLY.model_copy(update={"cron": "0 * * * *"}),)
    changed = START + timedelta(hours=6, minutes=10)
    agenda = store.tick(changed)
    assert [(sight.since, sight.key) for sight in agenda.sights] == [(changed, "k0")]
    assert agenda.submissions == agenda.missed == ()
    assert [job.due for job in store.tick(changed + timedelta(hours=1)).submissions] == [START + timedelta(hours=7)]


def test_a_schedule_that_left_the_project_is_forgotten_with_its_unsent_job():
    store = Rehearsal(NIGHTLY)
    store.tick(START)
    due = START + timedelta(hours=20)
    try:
        store.tick(due, steps=1)  # recorded, not sent
    except KilledError:
        store.schedules = ()
    agenda = store.tick(due)
    assert agenda.forgotten == ("nightly",)
    assert [job.status for job in agenda.overtaken] == ["submitting"]
    assert [job.status for job in store.jobs.values()] == ["missed"]


def test_two_projects_never_share_an_id():
    ids = set()
    for key in ("k0", "k1"):
        store = Rehearsal(NIGHTLY)
        store.keys = iter([key])
        store.tick(START)
        ids |= {job.job for job in store.tick(START + timedelta(days=1)).submissions}
    assert len(ids) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.one_of(st.none(), st.integers(0, 12))), max_size=12))
def test_with_kills_anywhere_each_due_time_runs_once_or_is_recorded_as_missed(ticks: list[tuple[int, int | None]]):
    store = Rehearsal(NIGHTLY, FREQUENT)
    now = START
    for minutes, steps in [*ticks, (0, None)]:
        now += timedelta(minutes=minutes)
        try:
            store.tick(now, steps)
        except KilledError:
            continue
    for schedule in store.schedules:
        own = sorted((job.due, job) for job in store.jobs.values() if job.schedule == schedule.name and job.due)
        since = store.sights[schedule.name].since
        expected = []
        for moment in due_after(schedule.cron, schedule.timezone, since):
            if moment > now:
                break
            expected.append(moment)
        assert [due for due, _ in own] == expected
        assert all(job.status in ("pending", "missed") for _, job in own)
    sent = [job.job for job in store.jobs.values() if job.status == "pending"]
    assert sorted(sent) == sorted(store.cluster)
    assert len(set(store.cluster)) == len(store.cluster)
