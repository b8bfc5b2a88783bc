"""Tasks that engines run in tests: workers import them by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from datamix.errors import SpecError


def square(number: int) -> int:
    """Return the square, the later the smaller the number."""
    time.sleep(0.02 * max(0, 5 - number))
    return number * number


def process_id(_: int) -> int:
    """Return the worker's process."""
    return os.getpid()


def threads(_: int) -> tuple[str | None, int]:
    """Return what the environment says of polars' threads, and how many polars has."""
    import polars as pl

    return os.environ.get("POLARS_MAX_THREADS"), pl.thread_pool_size()


def refuse(number: int) -> int:
    """Raise what a user can act on, for the number three."""
    if number == 3:
        raise SpecError("the number 3 is not allowed", file="numbers.yaml", line=3)
    return number


def break_down(number: int) -> int:
    """Raise what is a defect of the program."""
    return 1 // number


def die_always(_: int) -> int:
    """End the worker's process, as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def die_once(marker: Path) -> str:
    """End the worker's process at the first attempt; answer at the second."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "answered"
