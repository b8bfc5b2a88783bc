"""The journal: small JSON entries, one file each, written whole. What it does not name does not exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import orjson

from datamix.errors import StoreError
from datamix.storage.files import atomic

Kind = Literal["runs", "commits", "edges", "decisions", "plans", "emissions", "jobs", "tokens", "wide"]
Entry = dict[str, Any]


class Journal:
    """Entries by kind and name, under `journal/<kind>/<name>.json`."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "journal"

    def write(self, kind: Kind, name: str, entry: Entry) -> None:
        """Write an entry, durable when this returns; one of the same name is replaced."""
        with atomic(self.folder / kind / f"{name}.json") as temporary:
            temporary.write_bytes(orjson.dumps(entry, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))

    def read(self, kind: Kind, name: str) -> Entry | None:
        """Return one entry, or None where there is none."""
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
        entry: Entry = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise StoreError(
            f"the journal entry {file} is damaged ({error}); delete it, and `datamix run` does that work again"
        ) from None
    return entry
