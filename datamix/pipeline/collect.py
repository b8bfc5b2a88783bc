"""Parts that no catalog shows any more: deleted after a grace period, in which open readers may still need them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from datamix.pipeline.publication import CURRENT, State
from datamix.storage.journal import Entry, Kind
from datamix.storage.store import Store

GRACE_S = 24 * 3600.0

_KINDS: tuple[Kind, ...] = ("wide", "edges", "decisions")


def mark_superseded(store: Store, state: State) -> None:
    """Let the grace period of parts begin that the published catalog shows and `state` does not: set their times."""
    entry = store.journal.read("states", CURRENT)
    if entry is None:
        return
    for path in State(**entry).products - state.products:
        file = store.folder / path
        if file.exists():
            os.utime(file)


def collect_superseded(store: Store, state: State, grace_s: float = GRACE_S) -> int:
    """Delete wide parts, edges and decisions that were superseded longer ago than the grace period.

    They are products of the measured parts, which are kept: what is wanted again is made again, without text.

    Args:
        store: the store, whose lock is held.
        state: what the published catalog shows.
        grace_s: seconds since a part was last shown.

    Returns:
        How many files were deleted.
    """
    shown = state.products
    deleted = 0
    for kind in _KINDS:
        entries = store.journal.entries(kind)
        old = {name: entry for name, entry in entries.items() if not shown & _paths(entry)}
        used = {path for name, entry in entries.items() if name not in old for path in _paths(entry)}
        for name, entry in old.items():
            files = [store.folder / path for path in sorted(_paths(entry) - used)]
            if all(_age_s(file) >= grace_s for file in files):
                store.journal.remove(kind, name)  # first: what is named must be there
                for file in files:
                    file.unlink(missing_ok=True)
                    deleted += 1
    return deleted


def _paths(entry: Entry) -> set[str]:
    parts = entry["parts"] if "parts" in entry else [entry["part"]]
    return {part["path"] for part in parts}


def _age_s(file: Path) -> float:
    return time.time() - file.stat().st_mtime if file.exists() else float("inf")
