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
