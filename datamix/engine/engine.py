"""What an engine is: `map` over values, results as they end. Stages know nothing else of where they run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

EngineName = Literal["ray", "local"]

# Libraries read these when they are first imported: a worker is one core, whatever the machine has.
WORKER_ENVIRONMENT = {
    "POLARS_MAX_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "ARROW_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",
}


class Engine(Protocol):
    """Runs plain functions of picklable values on workers."""

    @property
    def name(self) -> str:
        """`ray` or `local`."""

    @property
    def workers(self) -> int:
        """How many tasks run at once."""

    def map(self, task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result]]:
        """Run `task` on every item; yield (index of the item, result) as tasks end, in any order.

        A task may run more than once (retries), and is therefore idempotent. The first error ends the map.
        """

    def close(self) -> None:
        """Stop the workers that this engine started."""


def default_workers() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def start_engine(name: EngineName, workers: int | None = None) -> Engine:
    """Start an engine; the caller closes it.

    Args:
        name: `ray` (a local Ray, or the cluster in RAY_ADDRESS), or `local` (a process pool).
        workers: tasks at once; by default the processors of this machine, or of the cluster.
    """
    if name == "ray":
        from datamix.engine.token import ensure_token

        ensure_token()
        if "RAY_ADDRESS" not in os.environ:
            # Also on Linux this makes a local Ray listen on loopback only; it ignores a node's address of 127.0.0.1.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        from datamix.engine.ray import RayEngine

        return RayEngine(workers)
    from datamix.engine.local import LocalEngine

    return LocalEngine(workers or default_workers())
