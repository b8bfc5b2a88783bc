"""The journal: small JSON entries, one file each, written whole. What it does not name does not exist.

Each entry carries a checksum, since a flipped bit often leaves JSON that can be read: another digit, another name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import orjson
import xxhash

from datamix.errors import StoreError
from datamix.storage.files import atomic

Kind = Literal[
    "runs", "commits", "edges", "decisions", "plans", "emissions", "jobs", "schedules", "states", "tokens", "wide"
]
Entry = dict[str, Any]

CHECKSUM = "xxh3_128"


class Journal:
    """Entries by kind and name, under `journal/<kind>/<name>.json`."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "journal"

    def write(self, kind: Kind, name: str, entry: Entry) -> None:
        """Write an entry, durable when this returns; one of the same name is replaced."""
        sealed = {CHECKSUM: _checksum(entry), **entry}
        with atomic(self.folder / kind / f"{name}.json") as temporary:
            temporary.write_bytes(orjson.dumps(sealed, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))

    def read(self, kind: Kind, name: str) -> Entry | None:
        """Return one entry, or None where there is none.

        Raises:
            StoreError: it is damaged.
        """
        file = self.folder / kind / f"{name}.json"
        return _load(file) if file.is_file() else None

    def entries(self, kind: Kind) -> dict[str, Entry]:
        """Return all entries of a kind by name, in the order of their names.

        Raises:
            StoreError: an entry is damaged.
        """
        files = sorted((self.folder / kind).glob("[!.]*.json"))
        return {file.name.removesuffix(".json"): _load(file) for file in files}

    def remove(self, kind: Kind, name: str) -> None:
        """Remove an entry; what it named is then an orphan."""
        (self.folder / kind / f"{name}.json").unlink(missing_ok=True)


def _load(file: Path) -> Entry:
    try:
        entry: Any = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise _damaged(file, str(error)) from None
    if not isinstance(entry, dict) or entry.pop(CHECKSUM, None) != _checksum(entry):
        raise _damaged(file, "its checksum does not fit its content")
    return entry


def _checksum(entry: Entry) -> str:
    return xxhash.xxh3_128_hexdigest(orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))


def _damaged(file: Path, reason: str) -> StoreError:
    return StoreError(
        f"the journal entry {file} is damaged ({reason}); delete it, and `datamix run` does that work again"
    )
