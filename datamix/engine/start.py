"""The one place that starts an engine."""

from __future__ import annotations

import os

from datamix.engine.engine import Engine, EngineName, default_workers


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
