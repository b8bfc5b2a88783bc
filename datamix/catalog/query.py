"""Questions to the published catalog: one statement, read-only."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from datamix.catalog.statement import reading_statement
from datamix.errors import QueryError, StoreError, nearest
from datamix.library import find, names

QUERY_FOLDER = "catalog/queries"
VIEWS = (
    "documents", "decisions", "clusters", "edges", "sources", "shards", "parts", "runs", "stages", "models", "mixtures",
    "phases", "plans", "uses", "emissions", "schedules", "jobs", "quarantine",
)  # fmt: skip


def connect(catalog: Path) -> duckdb.DuckDBPyConnection:
    """Open the published catalog read-only; it stays at the version that was opened while runs publish new ones.

    Raises:
        StoreError: nothing was published yet, or the file is damaged.
    """
    if not catalog.is_file():
        raise StoreError(f"there is no catalog at {catalog} yet; `datamix run` makes it")
    try:
        connection = duckdb.connect(str(catalog), read_only=True)
        connection.execute("SET python_enable_replacements = false")  # a name means a view, never a Python variable
        if connection.execute("SELECT current_setting('temp_directory')").fetchone() != (_spill_folder(),):
            connection.execute("SET temp_directory = ?", [_spill_folder()])  # refused once it was used
    except duckdb.Error as error:
        raise StoreError(
            f"{catalog} can't be opened ({_first_line(error)}); `datamix catalog rebuild` makes it anew"
        ) from None
    return connection


def _spill_folder() -> str:
    """Where large questions spill; DuckDB's default is a folder inside the store, which readers never write."""
    return str(Path(tempfile.gettempdir()) / f"datamix-duckdb-{os.getpid()}")


def query(catalog: Path, sql: str, parameters: dict[str, Any] | list[Any] | None = None) -> pa.Table:
    """Run one statement that reads, and return its rows.

    Raises:
        QueryError: it is no statement, more than one, writes, or DuckDB refused it; names the nearest view.
    """
    checked = reading_statement(sql)
    with connect(catalog) as connection:
        try:
            return connection.sql(checked, params=parameters).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(_sentence(error)) from None


def named_query(project_root: Path, name: str) -> str:
    """Return the SQL of `catalog/queries/NAME.sql`, the project's or the library's."""
    return find(project_root, QUERY_FOLDER, name, ".sql").read_text()


def query_names(project_root: Path) -> dict[str, str]:
    """Return the named queries and what each answers: the comment in its first line."""
    titles = {}
    for name in sorted(names(project_root, QUERY_FOLDER, ".sql")):
        first = named_query(project_root, name).partition("\n")[0]
        titles[name] = first.removeprefix("--").strip()
    return titles


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]


def _sentence(error: duckdb.Error) -> str:
    text = str(error).strip()
    if "No files found that match the pattern" in text:
        return (
            "the catalog names parts that are not there; if the store was moved or copied, `datamix catalog rebuild` "
            "makes it anew, else `datamix run` does"
        )
    missing = re.search(r"Table with name (\S+) does not exist", text)
    if missing:
        return (
            f"there is no view {missing[1]!r}{nearest(missing[1], VIEWS)}; "
            f"there are {', '.join(VIEWS)} (catalog/README.md documents them)"
        )
    return text
