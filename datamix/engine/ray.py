"""The `ray` engine: Core tasks on a local Ray, or on the cluster that RAY_ADDRESS names.

Ray reads its authentication mode, and whether it listens on loopback only, when it is imported: this module is
imported by `datamix.engine.start.start_engine`, which sets both first.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import ray
import ray.exceptions

from datamix.engine.engine import WORKER_ENVIRONMENT, Item, Result, default_workers
from datamix.errors import DatamixError, EngineError

OBJECT_STORE_BYTES = 128 * 1024**2  # tasks exchange files, not objects: results are summaries
MAX_RETRIES = 3
CONNECT_TIMEOUT_S = 5.0


class RayEngine:
    """One Ray Core task per item, a window of them at a time."""

    name = "ray"

    def __init__(self, workers: int | None = None) -> None:
        self._owned = not ray.is_initialized()
        if self._owned:
            _start(workers)
        cluster = int(cast("dict[str, float]", ray.cluster_resources()).get("CPU", 1))  # type: ignore[no-untyped-call]
        self.workers = min(workers or cluster, cluster)
        self._remote = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(_call)

    def map(self, task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result]]:
        """Run `task` on every item; yield (index, result) as tasks end."""
        waiting = iter(enumerate(items))
        running: dict[Any, int] = {}
        try:
            while True:
                for i, item in waiting:
                    running[self._remote.remote(task, item)] = i
                    if len(running) >= 2 * self.workers:
                        break
                if not running:
                    return
                ended, _ = ray.wait(list(running), num_returns=1)
                yield running.pop(ended[0]), ray.get(ended[0])
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, DatamixError) else error) from None
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"Ray lost a task {MAX_RETRIES + 1} times ({type(error).__name__}); run again (what was measured is "
                "kept), with fewer --workers if memory was short"
            ) from None
        finally:
            for reference in running:
                ray.cancel(reference, force=False)

    def close(self) -> None:
        """Leave the cluster; a local Ray that this engine started ends with it."""
        if self._owned:
            ray.shutdown()


def _call(task: Callable[[Any], Any], item: Any) -> Any:
    return task(item)


def _start(workers: int | None) -> None:
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray._private.worker._worker_logs_enabled = False  # news of dead workers would go to stdout, where results stand
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": True}
    try:
        if address:
            _require_answer(address)
            ray.init(address=address, runtime_env={"env_vars": WORKER_ENVIRONMENT}, **common)
            return
        with _environment(WORKER_ENVIRONMENT):  # a local Ray's workers inherit it, faster than a runtime_env
            ray.init(
                address="local",
                num_cpus=workers or default_workers(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                **common,
            )
    except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
        where = f"join the Ray cluster at {address}" if address else "start a local Ray"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EngineError(f"could not {where}: {reason}; `--engine local` does without Ray") from None


def _require_answer(address: str) -> None:
    """Raise OSError where nothing listens at `address`: Ray itself would try for minutes."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if separator and port.isdecimal():
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S):
            pass


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
