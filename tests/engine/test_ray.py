"""The Ray engine on a local Ray, started once for the module."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datamix.engine.local import LocalEngine
from datamix.engine.start import start_engine
from datamix.errors import EngineError, SpecError
from tests.engine import tasks

pytestmark = pytest.mark.ray

LISTENING = "0A"  # the state in /proc/net/tcp
LOOPBACK = ("0100007F", "0" * 24 + "01000000", "0000000000000000FFFF00000100007F")  # 127.0.0.1, ::1, ::ffff:127.0.0.1


@pytest.fixture(scope="module")
def engine() -> Iterator[object]:
    """A Ray engine with two workers, without the RAY_ADDRESS of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        started = start_engine("ray", 2)
        yield started
        started.close()


def descendants(process: int) -> set[int]:
    """Return the processes that `process` and its children started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return found - {process}


def listening_addresses(processes: set[int]) -> dict[str, int]:
    """Return hexadecimal local addresses (and one process for each) on which `processes` listen."""
    owners: dict[str, int] = {}
    for process in processes:
        try:
            links = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        owners |= {link.removeprefix("socket:[").rstrip("]"): process for link in links if link.startswith("socket:")}
    found: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == LISTENING and inode in owners:
                found[local.partition(":")[0]] = owners[inode]
    return found


def command(process: int) -> str:
    """Return a process's command line."""
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_results_are_those_of_the_local_engine(engine: LocalEngine) -> None:
    assert (engine.name, engine.workers) == ("ray", 2)
    assert sorted(engine.map(tasks.square, range(9))) == sorted(LocalEngine(1).map(tasks.square, range(9)))
    assert list(engine.map(tasks.square, [])) == []


def test_a_worker_has_one_thread_in_a_process_of_its_own(engine: LocalEngine) -> None:
    assert {answer for _, answer in engine.map(tasks.threads, range(2))} == {("1", 1)}
    assert os.getpid() not in {process for _, process in engine.map(tasks.process_id, range(3))}


def test_an_error_comes_with_its_type_and_its_sentence(engine: LocalEngine) -> None:
    with pytest.raises(SpecError, match=r"^numbers.yaml:3: the number 3 is not allowed$") as caught:
        list(engine.map(tasks.refuse, range(5)))
    assert (caught.value.file, caught.value.line) == ("numbers.yaml", 3)
    with pytest.raises(ZeroDivisionError):
        list(engine.map(tasks.break_down, [0]))


def test_a_task_whose_worker_was_killed_runs_again(engine: LocalEngine, tmp_path: Path) -> None:
    assert list(engine.map(tasks.die_once, [tmp_path / "marker"])) == [(0, "answered")]


def test_a_task_that_always_kills_its_worker_is_told(engine: LocalEngine, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EngineError, match=r"Ray lost a task 4 times .* fewer --workers"):
        list(engine.map(tasks.die_always, [0]))
    assert list(engine.map(tasks.square, [6])) == [(0, 36)]
    assert capfd.readouterr().out == ""  # where the command line writes its results


def test_ray_listens_on_loopback_only_and_asks_for_a_token(engine: LocalEngine) -> None:
    list(engine.map(tasks.process_id, range(4)))
    started = descendants(os.getpid())
    addresses = listening_addresses({os.getpid(), *started})
    assert addresses
    elsewhere = {address: command(process) for address, process in addresses.items() if address not in LOOPBACK}
    assert not elsewhere
    (gcs,) = [process for process in started if "/gcs_server" in command(process)]
    assert b"RAY_AUTH_MODE=token" in Path(f"/proc/{gcs}/environ").read_bytes().split(b"\0")


def test_closing_ends_the_ray_that_the_engine_started(engine: LocalEngine) -> None:
    started = {process for process in descendants(os.getpid()) if "/ray/" in command(process)}
    assert started
    engine.close()
    deadline = time.monotonic() + 20
    while (left := started & descendants(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def test_a_cluster_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(EngineError, match=r"could not join the Ray cluster at 127.0.0.1:1: .*--engine local"):
        start_engine("ray")
