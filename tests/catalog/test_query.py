from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from datamix.catalog.publish import publish
from datamix.catalog.query import connect, named_query, query, query_names
from datamix.errors import QueryError, SpecError, StoreError
from tests.storage.small_disk import listing


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A published catalog of two sources."""
    rows = {"sources": [{"source": "news", "documents": 3}, {"source": "web", "documents": 4}]}
    publish(tmp_path, rows, None)
    return tmp_path / "catalog.duckdb"


def test_a_question_is_answered_with_its_columns(catalog: Path) -> None:
    answer = query(catalog, "SELECT source, documents FROM sources WHERE documents > ? ORDER BY 1", [3])
    assert answer.to_pylist() == [{"source": "web", "documents": 4}]
    named = query(catalog, "SELECT count(*) AS n FROM sources WHERE source = $name", {"name": "news"})
    assert named.to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM sources",
        "-- a title\nSELECT 1;",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a UNION ALL FROM a",
        "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) FROM t",
        "DESCRIBE sources",
        "SHOW TABLES",
        "SUMMARIZE sources",
        "SELECT name FROM (SHOW TABLES)",
        "EXPLAIN SELECT * FROM sources",
        "EXPLAIN ANALYZE SELECT * FROM sources",
        "VALUES (1), (2)",
        "SELECT 'COPY sources TO ''x''' AS \"COPY_QUERY_NODE\", {'type': 'INSERT_QUERY_NODE'} AS s",
        "SELECT unnest(range(3)) FROM generate_series(2)",
        "FROM duckdb_columns()",
        "FROM (PIVOT sources ON source IN ('news', 'web') USING sum(documents))",
    ],
)
def test_whatever_only_reads_may_be_asked(catalog: Path, sql: str) -> None:
    assert query(catalog, sql).num_rows > 0


HOSTILE = [
    "INSERT INTO sources (source) VALUES ('x')",
    "UPDATE sources SET documents = 0",
    "DELETE FROM sources",
    "DROP TABLE sources",
    "CREATE TABLE x (a INTEGER)",
    "CREATE VIEW x AS SELECT 1",
    "ALTER TABLE sources ADD COLUMN x INTEGER",
    "COPY sources TO '{file}'",
    "COPY (SELECT 1) TO '{file}' (FORMAT parquet)",
    "COPY FROM DATABASE catalog TO memory",
    "EXPORT DATABASE '{folder}/export'",
    "IMPORT DATABASE '{folder}/export'",
    "ATTACH '{folder}/new.duckdb'",
    "ATTACH '{file}' AS again",
    "DETACH catalog",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA enable_profiling",
    "PRAGMA force_checkpoint",
    "CHECKPOINT",
    "VACUUM",
    "SET threads = 1",
    "RESET threads",
    "USE memory",
    "BEGIN",
    "CALL enable_logging()",
    "CALL pragma_version()",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "CREATE SECRET x (TYPE s3)",
    "WITH x AS (COPY sources TO '{file}') SELECT * FROM x",
    "WITH x AS MATERIALIZED (COPY sources TO '{file}') SELECT 1",
    "SELECT 1 FROM (WITH x AS (COPY sources TO '{file}') FROM x)",
    "SELECT * FROM sources WHERE source IN (WITH x AS (COPY sources TO '{file}') FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (COPY sources TO '{file}') SELECT 1)",
    "WITH x AS (INSERT INTO sources (source) VALUES ('x') RETURNING source) FROM x",
    "WITH x AS (UPDATE sources SET documents = 0 RETURNING source) FROM x",
    "WITH x AS (DELETE FROM sources RETURNING source) FROM x",
    "DESCRIBE COPY sources TO '{file}'",
    "SUMMARIZE (WITH x AS (COPY sources TO '{file}') FROM x)",
    "EXPLAIN COPY sources TO '{file}'",
    "EXPLAIN ANALYZE COPY sources TO '{file}'",
    "EXPLAIN ANALYZE WITH x AS (COPY sources TO '{file}') FROM x",
    "EXPLAIN (FORMAT json) COPY sources TO '{file}'",
    "/* /* */ EXPLAIN SELECT 1; */ */ EXPLAIN ANALYZE COPY sources TO '{file}'",
    "explain/**/analyze/**/copy sources to '{file}'",
    "FROM query('WITH x AS (COPY sources TO ''{file}'') FROM x')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM enable_logging('QueryLog', storage := 'file', storage_path := '{folder}')",
    "FROM system.main.enable_logging()",
    'FROM "enable_logging"()',
    "FROM enable_profiling(save_location := '{file}')",
    "FROM force_checkpoint('catalog')",
    "FROM truncate_duckdb_logs()",
    "SELECT write_log('x')",
    "SELECT system.main.write_log('x')",
    "SELECT 1; COPY sources TO '{file}'",
    "SELECT 1; SELECT 2",
    ";",
    "",
    "-- nothing",
    "SELEC 1",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_whatever_may_do_more_is_refused_and_changes_no_byte(catalog: Path, sql: str) -> None:
    before = hashlib.sha256(catalog.read_bytes()).hexdigest()
    with pytest.raises(QueryError):
        query(catalog, sql.format(file=catalog, folder=catalog.parent))
    assert hashlib.sha256(catalog.read_bytes()).hexdigest() == before
    assert listing(catalog.parent) == ["catalog.duckdb"]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT 1; SELECT 2", "expected one SQL statement, found 2"),
        ("", "expected one SQL statement, found 0"),
        ("DROP TABLE sources", "the catalog is read-only: the statement must be a SELECT"),
        ("WITH x AS (COPY sources TO 'y') FROM x", "it holds a COPY"),
        ("FROM query('SELECT 1')", "the table function 'query' is not known to only read"),
        ("-- x\nEXPLAIN SELECT 1", "write EXPLAIN or EXPLAIN ANALYZE first"),
        ("FROM documnets", "there is no view 'documnets'; did you mean 'documents'?"),
        ("FROM zzz", "there is no view 'zzz'; there are documents, decisions"),
        ("SELECT sourc FROM sources", "sourc"),
        ("SELECT * FROM sources WHERE", "syntax error"),
        ("SELECT 'x'::INTEGER", "Conversion Error"),
    ],
)
def test_a_refusal_says_why(catalog: Path, sql: str, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        query(catalog, sql)
    assert says in str(caught.value)


def test_python_variables_are_no_tables(catalog: Path) -> None:
    secret = query(catalog, "SELECT 1 AS x")
    assert secret.num_rows == 1
    with pytest.raises(QueryError, match="there is no view 'secret'"):
        query(catalog, "FROM secret")


def test_large_questions_spill_outside_the_store(catalog: Path) -> None:
    setting = query(catalog, "SELECT current_setting('temp_directory') AS folder").to_pylist()[0]["folder"]
    assert not Path(setting).is_relative_to(catalog.parent)
    with connect(catalog) as first, connect(catalog) as second:
        first.execute("SET memory_limit = '30MB'")
        first.execute("SELECT sum(hash(a)) FROM (SELECT hash(i) AS a FROM range(4000000) t(i) ORDER BY 1 OFFSET 1)")
        assert second.execute("SELECT count(*) FROM sources").fetchone() == (2,)
    assert listing(catalog.parent) == ["catalog.duckdb"]


def test_a_catalog_that_is_not_there_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no catalog at .* yet; `datamix run` makes it"):
        query(tmp_path / "catalog.duckdb", "SELECT 1")
    (tmp_path / "catalog.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"can't be opened .*`datamix catalog rebuild` makes it anew"):
        query(tmp_path / "catalog.duckdb", "SELECT 1")


def test_named_queries_come_from_project_and_library(tmp_path: Path) -> None:
    own = tmp_path / "catalog" / "queries"
    own.mkdir(parents=True)
    (own / "mine.sql").write_text("-- My question\nSELECT 1\n")
    titles = query_names(tmp_path)
    assert titles["mine"] == "My question"
    assert len(titles) > 10
    assert all(titles.values())
    assert named_query(tmp_path, "mine") == "-- My question\nSELECT 1\n"
    with pytest.raises(SpecError, match="did you mean 'drop-reasons'"):
        named_query(tmp_path, "drop-reason")
