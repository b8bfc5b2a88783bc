"""The store: a folder of append-only parts, a journal, and the lock of its one writer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from datamix.errors import StoreError
from datamix.storage.files import TEMPORARY_SUFFIX, atomic
from datamix.storage.journal import Journal

FORMAT = 1
LOCK_TIMEOUT_S = 5.0


class Store:
    """A store's folder and journal.

    Args:
        folder: absolute.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the store in `folder`.

        Raises:
            StoreError: there is none, or it was written in another format.
        """
        mark = folder / "store.json"
        if not mark.is_file():
            raise StoreError(f"there is no store in {folder} yet; `datamix run` makes it")
        try:
            found = orjson.loads(mark.read_bytes()).get("format")
        except (OSError, AttributeError, orjson.JSONDecodeError) as error:
            raise StoreError(
                f"{mark} can't be read ({error}); if this is a store of yours, delete the file, and `datamix run` "
                "writes it again"
            ) from None
        if found != FORMAT:
            raise StoreError(
                f"the store in {folder} has format {found}, this datamix reads format {FORMAT}; "
                "name another folder under `store:`, and `datamix run` fills it"
            )
        return cls(folder)

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open the store in `folder`, and make it where there is none."""
        mark = folder / "store.json"
        if not mark.is_file():
            with atomic(mark) as temporary:
                temporary.write_bytes(orjson.dumps({"format": FORMAT}))
        return cls.open(folder)

    @property
    def catalog_file(self) -> Path:
        """The DuckDB catalog, published anew after each run."""
        return self.folder / "catalog.duckdb"

    @contextmanager
    def lock(self, timeout_s: float | None = None) -> Iterator[None]:
        """Hold the writer's lock; wait up to `timeout_s` for it, by default LOCK_TIMEOUT_S.

        Raises:
            StoreError: another process holds it (names that process), or the folder can't be written.
        """
        lock = FileLock(self.folder / "lock")
        owner = self.folder / "lock.owner"
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S if timeout_s is None else timeout_s)
        except Timeout:
            process = (owner.read_text().strip() if owner.is_file() else "") or "another process"
            raise StoreError(
                f"{process} is writing the store in {self.folder}; wait until it ends, then run again"
            ) from None
        except OSError as error:
            raise StoreError(f"the store in {self.folder} can't be locked for writing: {error.strerror}") from None
        try:
            with atomic(owner) as temporary:
                temporary.write_text(f"process {os.getpid()}")
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def collect_orphans(self) -> int:
        """Delete temporary files that killed attempts left behind; return how many. Only under the lock."""
        # The star at the end: DuckDB adds `.wal` to the name of the catalog that it writes.
        orphans = [file for file in self.folder.rglob(f".*{TEMPORARY_SUFFIX}*") if file.is_file()]
        for file in orphans:
            file.unlink(missing_ok=True)
        return len(orphans)


def fingerprint(definition: Any) -> str:
    """Return 16 hex digits of BLAKE2b over the canonical JSON of `definition`."""
    return hashlib.blake2b(canonical_json(definition), digest_size=8).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys and no white space: the same value gives the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
