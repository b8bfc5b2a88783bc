from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import datamix

PROJECT = """\
version: 1
sources:
  - {name: notes, path: notes.jsonl}
schedules:
  - {name: nightly, cron: "0 3 * * *", timezone: Europe/Malta}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "datamix.yaml").write_text(PROJECT)
    return tmp_path


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["PYTHONPATH"] = str(Path(datamix.__file__).parents[1])
    environment["RAY_AUTH_TOKEN"] = "0" * 64
    return subprocess.run(
        [sys.executable, "-m", "datamix", *arguments, "-C", str(project)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_schedules_are_listed_before_anything_ran(project: Path):
    done = command(project, "schedule", "list", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["schedule"], row["timezone"], row["last_job"]) == ("nightly", "Europe/Malta", None)
    assert row["next_due"][11:16] in ("01:00", "02:00")
    assert not (project / "store").exists()


def test_a_tick_with_nothing_due_needs_no_cluster(project: Path):
    first = command(project, "schedule", "tick", "--now", "2026-03-01T12:00")
    assert first.returncode == 0, first.stderr
    assert "seen for the first time" in first.stdout
    second = command(project, "schedule", "tick", "--now", "2026-03-01T13:00")
    assert (second.returncode, second.stdout) == (0, "nothing is due\n")


def test_a_tick_without_a_cluster_fails_and_leaves_the_job_due(project: Path):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        address = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        assert command(project, "schedule", "tick", "--now", "2026-03-01T12:00").returncode == 0
        started = time.monotonic()
        done = command(project, "schedule", "tick", "--now", "2026-03-03T12:00", "--address", address)
    assert done.returncode == 1
    assert time.monotonic() - started < 20
    assert done.stderr.startswith(f"datamix: the Ray cluster at {address} does not answer (")
    assert "ray start --head" in done.stderr
    (missed,) = json.loads(command(project, "jobs", "list", "--json").stdout)
    assert (missed["status"], missed["due"][:16]) == ("missed", "2026-03-02 02:00")


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up(project: Path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        done = command(project, "jobs", "submit", "--address", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 1
    assert time.monotonic() - started < 30
    assert "does not answer" in done.stderr
    assert not (project / "store").exists()


def test_an_impossible_time_is_a_usage_error(project: Path):
    done = command(project, "schedule", "tick", "--now", "yesterday")
    assert done.returncode == 2
    assert "--now: 'yesterday' is no time" in done.stderr
    done = command(project, "schedule", "tick", "--now", "2999-01-01T00:00")
    assert done.returncode == 2
    assert "is still to come" in done.stderr


def test_jobs_of_a_store_that_is_not_there(project: Path):
    done = command(project, "jobs", "list")
    assert done.returncode == 1
    assert "there is no store" in done.stderr
