"""Jobs on a real Ray head: submitted, awaited, scheduled; killed ticks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datamix.catalog.query import query
from datamix.jobs.book import JobBook
from datamix.storage.store import Store
from tests.jobs.ray_head import RayHead, ray_head

pytestmark = pytest.mark.ray

PROJECT = """\
version: 1
store: ./store
sources:
  - {name: notes, path: notes.jsonl}
schedules:
  - {name: nightly, cron: "30 2 * * *", timezone: Europe/Malta}
"""
TEXTS = (
    "The ferry to Gozo leaves every forty-five minutes and takes the cars of the farmers first.",
    "Limestone is cut in the quarries of Siggiewi, and the dust lies on the prickly pears all summer.",
    "The ferry to Gozo leaves every forty-five minutes and takes the cars of the farmers first.",
)
JOB_TIMEOUT_S = 90


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with ray_head() as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "datamix.yaml").write_text(PROJECT)
    (folder / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return folder


def answer(head: RayHead, *arguments: object) -> Any:
    done = head.datamix(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def jobs_view(project: Path, job: str) -> dict[str, Any]:
    (row,) = query(project / "store" / "catalog.duckdb", f"SELECT * FROM jobs WHERE job = '{job}'").to_pylist()
    return dict(row)


def test_a_run_is_submitted_awaited_and_recorded(head: RayHead, project: Path):
    job = answer(head, "jobs", "submit", "-C", project, "--address", head.address, "--wait")
    assert (job["status"], job["exit_code"]) == ("succeeded", 0)
    assert '"documents": 3' in job["log_tail"]
    row = jobs_view(project, job["job"])
    assert (row["status"], row["exit_code"], row["log_tail"]) == ("succeeded", 0, job["log_tail"])
    assert row["submitted"] < row["ended"]
    assert answer(head, "jobs", "list", "-C", project) == [job]


def test_a_run_that_fails_says_so(head: RayHead, project: Path):
    done = head.datamix(
        "jobs", "submit", "-C", project, "--address", head.address, "--wait", "--json", "--", "--sample", "nothing"
    )
    job = json.loads(done.stdout)
    assert done.returncode == 1
    assert (job["status"], job["exit_code"]) == ("failed", 2)
    assert "--sample" in job["log_tail"]


def test_another_token_is_refused(head: RayHead, project: Path, tmp_path: Path):
    (tmp_path / "token").write_text("f" * 64)
    stranger = RayHead(head.address, {**head.environment, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")})
    done = stranger.datamix("jobs", "submit", "-C", project, "--address", head.address)
    assert done.returncode == 1
    assert "refuses this token" in done.stderr


def test_what_is_due_is_submitted_once_also_by_a_tick_that_was_killed(head: RayHead, project: Path):
    def tick(now: datetime) -> Any:
        return answer(
            head, "schedule", "tick", "-C", project, "--address", head.address, "--now", now.isoformat()
        )  # fmt: skip

    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert tick(start)["first_seen"] == ["nightly"]
    clocks_change = datetime(2026, 3, 29, 12, tzinfo=UTC)
    report = tick(clocks_change)
    (job,) = report["submitted"]
    assert job["job"].endswith("-nightly-20260329T010000Z")
    assert [missed["due"][:16] for missed in report["missed"]] == ["2026-03-28 01:30"]

    book = JobBook(Store.open(project / "store"))
    sent = next(known for known in book.jobs() if known.job == job["job"])
    book.write(replace(sent, status="submitting", submitted=None))  # as if killed after it was sent
    (again,) = tick(clocks_change)["submitted"]
    assert (again["job"], again["submitted"]) == (job["job"], job["submitted"])
    assert tick(clocks_change + timedelta(hours=1))["submitted"] == []

    ended = await_end(head, project, job["job"])
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert jobs_view(project, job["job"])["schedule"] == "nightly"
    (row,) = answer(head, "schedule", "list", "-C", project)
    assert (row["last_job"], row["status"]) == (job["job"], "succeeded")


def await_end(head: RayHead, project: Path, job: str) -> Any:
    until = time.monotonic() + JOB_TIMEOUT_S
    while time.monotonic() < until:
        answer(head, "jobs", "refresh", "-C", project)
        known = next(entry for entry in answer(head, "jobs", "list", "-C", project) if entry["job"] == job)
        if known["ended"] is not None:
            return known
        time.sleep(1)
    raise AssertionError(f"{job} did not end: {known}")
