"""Which SQL statements only read: a white list over DuckDB's own parsed tree.

A read-only connection is no protection: DuckDB runs `COPY ... TO 'catalog.duckdb'`, also inside `WITH x AS (COPY ...)
SELECT ...`, which it classes as a SELECT, and some table functions write files or change the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import orjson

from datamix.errors import QueryError

_EXPLAIN = re.compile(r"\s*EXPLAIN\b(\s+ANALYZE\b)?", re.IGNORECASE)
_READING_NODES = ("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE")
_WRITING_FUNCTIONS = ("nextval", "setval", "write_log")
_READING_TABLE_FUNCTIONS = re.compile(
    r"(duckdb_\w+|parquet_\w+|read_\w+|pragma_\w+|json_each|json_tree|glob|sniff_csv|query_table|range|generate_series"
    r"|repeat|repeat_row|unnest|summary|pg_timezone_names|icu_calendar_names)"
)
_REFUSED = "the catalog is read-only: the statement must be a SELECT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN of one"


def reading_statement(sql: str) -> str:
    """Return the one statement in `sql`, as it may be run.

    An EXPLAIN is put together again from what was checked.

    Raises:
        QueryError: it is no statement, more than one, or it does, or might do, more than read.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from None
    if len(statements) != 1:
        raise QueryError(f"expected one SQL statement, found {len(statements)}")
    (statement,) = statements
    if statement.type == duckdb.StatementType.EXPLAIN:
        explain = _EXPLAIN.match(sql)
        if explain is None:
            raise QueryError("write EXPLAIN or EXPLAIN ANALYZE first, then the statement")
        return explain[0] + " " + reading_statement(sql[explain.end() :])
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError(_REFUSED)
    _require_reading(sql)
    return sql


def _require_reading(sql: str) -> None:
    with duckdb.connect() as connection:
        row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree = orjson.loads(row[0] if row else "{}")
    if tree.get("error", True):
        raise QueryError(f"the statement can't be checked for writing: {tree.get('error_message')}")
    for part in _parts(tree):
        kind = part.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READING_NODES:
            raise QueryError(f"{_REFUSED}; it holds a {kind.removesuffix('_QUERY_NODE').removesuffix('_NODE')}")
        name = str(part.get("function_name", "")).lower()
        if name in _WRITING_FUNCTIONS:
            raise QueryError(f"{_REFUSED}; the function {name!r} writes")
        if kind == "TABLE_FUNCTION":
            called = str(part["function"].get("function_name", "")).lower()
            if not _READING_TABLE_FUNCTIONS.fullmatch(called):
                raise QueryError(f"{_REFUSED}; the table function {called!r} is not known to only read")


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
