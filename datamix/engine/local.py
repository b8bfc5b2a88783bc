"""The `local` engine: a process pool on this machine, for debugging, small jobs and most tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from datamix.engine.engine import WORKER_ENVIRONMENT, Item, Result
from datamix.errors import EngineError


def _begin() -> None:
    """Begin a worker: one core, and no answer to Ctrl-C, which a terminal sends to it as well as to the driver."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(WORKER_ENVIRONMENT)


class LocalEngine:
    """A pool of spawned processes; with one worker, tasks run in this process."""

    name = "local"

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._left_running = False

    def map(self, task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result]]:
        """Run `task` on every item; yield (index, result) as tasks end."""
        if self.workers == 1:
            yield from ((i, task(item)) for i, item in enumerate(items))
            return
        running: dict[Future[Result], int] = {}
        try:
            running |= {self._started().submit(task, item): i for i, item in enumerate(items)}
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield running.pop(future), future.result()
        except BrokenProcessPool:
            self.close()  # a broken pool takes no more tasks; the next map starts another
            raise EngineError(
                "a worker process died, most likely for want of memory; run again (what was measured is kept), "
                "with --workers 1 if it happens again"
            ) from None
        finally:
            self._left_running = any(not future.cancel() and not future.done() for future in running)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawn: polars, numba and Arrow have threads, which a forked child inherits locked.
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
            )
        return self._pool

    def close(self) -> None:
        """End the pool's processes, also in the middle of tasks that nobody waits for any more."""
        if self._pool is None:
            return
        if self._left_running:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()  # what it was writing has a temporary name, and is collected by the next run
        else:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
