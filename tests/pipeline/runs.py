"""How tests run projects, and compare what runs leave."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from datamix.catalog.query import query
from datamix.pipeline.report import Summary
from datamix.pipeline.run import RunOptions, run
from datamix.spec.project import read_project

BYTE_FOLDERS = ("signals", "wide", "dedup", "decisions", "plans", "tokens")


class Silent:
    """A progress that nobody watches."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignore it."""

    def advance(self, steps: int = 1) -> None:
        """Ignore it."""


def run_local(root: Path, **options: Any) -> Summary:
    """Run a project in this process, or in a pool with `workers`."""
    return run(read_project(root), RunOptions(engine="local", **{"workers": 1, **options}), Silent())


def ask(root: Path, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    rows: list[dict[str, Any]] = query(root / "store" / "catalog.duckdb", sql).to_pylist()
    return rows


def store_bytes(root: Path) -> dict[str, str]:
    """Return the hash of every file of the store that must not depend on how it came about."""
    store = root / "store"
    files = [file for folder in BYTE_FOLDERS for file in (store / folder).rglob("*") if file.is_file()]
    return {str(file.relative_to(store)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    """Run a project in a process of its own: `python -m tests.pipeline.runs ROOT ENGINE WORKERS MAX_SHARD_BYTES`."""
    root, engine, workers, max_shard_bytes = sys.argv[1:]
    options = RunOptions("ray" if engine == "ray" else "local", int(workers), max_shard_bytes=int(max_shard_bytes))
    run(read_project(Path(root)), options, Silent())


if __name__ == "__main__":
    main()
