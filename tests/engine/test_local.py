from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from datamix.engine.engine import default_workers
from datamix.engine.local import LocalEngine
from datamix.engine.start import start_engine
from datamix.errors import EngineError, SpecError
from tests.engine import tasks


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalEngine]:
    """An engine with two worker processes."""
    engine = LocalEngine(2)
    yield engine
    engine.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_answered_once_under_its_index(pool: LocalEngine, workers: int) -> None:
    engine = pool if workers == 2 else LocalEngine(1)
    results = list(engine.map(tasks.square, range(7)))
    assert sorted(results) == [(i, i * i) for i in range(7)]
    assert list(engine.map(tasks.square, [])) == []


def test_results_come_as_they_end(pool: LocalEngine) -> None:
    list(pool.map(tasks.process_id, range(4)))  # workers are there
    assert [i for i, _ in pool.map(tasks.square, [0, 5, 5])] != [0, 1, 2]


def test_one_worker_is_this_process_and_two_are_others(pool: LocalEngine) -> None:
    assert {process for _, process in LocalEngine(1).map(tasks.process_id, range(3))} == {os.getpid()}
    processes = {process for _, process in pool.map(tasks.process_id, range(6))}
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2


def test_a_worker_has_one_thread(pool: LocalEngine) -> None:
    assert {answer for _, answer in pool.map(tasks.threads, range(2))} == {("1", 1)}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_with_its_type_and_its_sentence(pool: LocalEngine, workers: int) -> None:
    engine = pool if workers == 2 else LocalEngine(1)
    with pytest.raises(SpecError, match=r"^numbers.yaml:3: the number 3 is not allowed$") as caught:
        list(engine.map(tasks.refuse, range(5)))
    assert (caught.value.file, caught.value.line) == ("numbers.yaml", 3)
    with pytest.raises(ZeroDivisionError):
        list(engine.map(tasks.break_down, [0]))
    assert list(engine.map(tasks.refuse, [7])) == [(0, 7)]


def test_a_killed_worker_is_told_and_the_engine_goes_on() -> None:
    engine = LocalEngine(2)
    try:
        with pytest.raises(EngineError, match=r"a worker process died.* --workers 1"):
            list(engine.map(tasks.die_always, range(3)))
        assert list(engine.map(tasks.square, [6])) == [(0, 36)]
    finally:
        engine.close()


def test_closing_ends_the_processes() -> None:
    engine = LocalEngine(2)
    processes = {process for _, process in engine.map(tasks.process_id, range(4))}
    engine.close()
    engine.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_engines_are_started_by_name() -> None:
    engine = start_engine("local")
    assert (engine.name, engine.workers) == ("local", default_workers())
    assert start_engine("local", 3).workers == 3
