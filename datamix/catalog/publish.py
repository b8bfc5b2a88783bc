"""Publication: the next version of the catalog is built beside the old one and replaces it in one step.

DuckDB lets no one read a file that a writer holds, and a reader blocks writers. So nobody ever opens the published
file for writing: readers keep the version that they opened, and the next one gets its name by a rename.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from datamix.errors import StoreError
from datamix.library import library_folder
from datamix.storage.files import atomic

STORAGE_VERSION = "v1.5.0"  # tools as old as DuckDB 1.5 open it
READ_ONLY_MODE = 0o444
_WRITE_ERRORS = (
    duckdb.IOException,
    duckdb.TransactionException,
    duckdb.FatalException,
)  # at a write, commit, checkpoint

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Views:
    """What the views over Parquet are made of; paths are relative to the store.

    Args:
        wide: the wide parts of the documents.
        decisions: the part with masks, reasons and clusters, one row a document.
        edges: the part with verified pairs.
        uses: one file a plan.
        columns: SQL of the measured columns of `documents`, in order, like `w."words"`.
        expansion: the SELECT over the relation `measured` that expands masks into rows of `decisions`.
    """

    wide: tuple[str, ...]
    decisions: str
    edges: str
    uses: tuple[str, ...]
    columns: tuple[str, ...]
    expansion: str


def publish(store: Path, rows: Rows, views: Views | None) -> None:
    """Build the catalog of `store` from `rows` by table and the `views`, and replace the old one.

    Args:
        store: the store's folder, absolute: the views name their parts by absolute paths.
        rows: dicts by table name; keys are column names, missing ones become NULL. Times are ISO text in UTC.
        views: None where nothing was decided yet; then there are tables only.

    Raises:
        StoreError: the disk is full or the folder can't be written; the old catalog is intact.
    """
    target = store / "catalog.duckdb"
    with atomic(target) as temporary:
        try:
            _build(temporary, rows, [] if views is None else _views(store, views))
        except _WRITE_ERRORS as error:
            raise StoreError(
                f"can't write {target}: {str(error).splitlines()[0]}; nothing that was there has changed"
            ) from None
        finally:
            temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)
        temporary.chmod(READ_ONLY_MODE)
        # A reader that opened the old version read-write may have left its log, which does not fit the next one.
        target.with_name(target.name + ".wal").unlink(missing_ok=True)


def _build(file: Path, rows: Rows, views: Sequence[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {quote(str(file))} AS next (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE next")
        for statement in _schema():
            connection.execute(statement)
        for table, entries in rows.items():
            _insert(connection, table, entries)
        for statement in views:
            connection.execute(statement)
        connection.execute("CHECKPOINT next")
        connection.execute("USE memory")
        connection.execute("DETACH next")


def _schema() -> list[str]:
    files = sorted((library_folder() / "catalog" / "schema").glob("*.sql"))
    return [file.read_text() for file in files]


def _insert(connection: duckdb.DuckDBPyConnection, table: str, entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        return
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    batch = pa.Table.from_pylist([{key: entry.get(key) for key in keys} for entry in entries])
    connection.register("batch", batch)
    connection.execute(f"INSERT INTO {identifier(table)} BY NAME SELECT * FROM batch")
    connection.unregister("batch")


def _views(store: Path, views: Views) -> list[str]:
    def parts(paths: Sequence[str]) -> str:
        return "[" + ", ".join(quote(str(store / path)) for path in paths) + "]"

    values = {
        "wide": parts(views.wide),
        "decisions": parts([views.decisions]),
        "edges": parts([views.edges]),
        "uses": parts(views.uses),
        "columns": "".join(f"{column},\n    " for column in views.columns).rstrip(),
        "expansion": views.expansion,
    }
    uses = "uses" if views.uses else "uses_none"
    folder = library_folder() / "catalog" / "views"
    return [
        string.Template((folder / f"{name}.sql").read_text()).substitute(values)
        for name in ("documents", "decisions", "clusters", "edges", uses)
    ]


def identifier(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote(text: str) -> str:
    """Return `text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
