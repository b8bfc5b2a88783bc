from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.catalog.publish import Views, identifier, publish, quote
from datamix.errors import StoreError
from tests.storage.small_disk import listing, make_read_only, small_disk

ROWS = {
    "sources": [
        {"source": "news", "domain": "it's", "priority": 1, "exempt": ["c4"], "path": []},
        {"source": "web", "documents": 2**60},
    ],
    "runs": [{"run_id": "r1", "started": "2026-03-01T12:00:00.250000", "seconds": 1.5, "status": "done"}],
    "jobs": [],
}


def ask(store: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(store / "catalog.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_rows_stand_in_their_tables(tmp_path: Path) -> None:
    publish(tmp_path, ROWS, None)
    sources = "SELECT source, domain, priority, exempt, path, documents FROM sources ORDER BY source"
    assert ask(tmp_path, sources) == [
        ("news", "it's", 1, ["c4"], [], None),
        ("web", None, None, None, None, 2**60),
    ]
    assert ask(tmp_path, "SELECT started::VARCHAR, seconds FROM runs") == [("2026-03-01 12:00:00.25", 1.5)]
    assert ask(tmp_path, "SELECT count(*) FROM jobs") == [(0,)]
    assert listing(tmp_path) == ["catalog.duckdb"]


def test_a_reader_keeps_the_version_that_it_opened(tmp_path: Path) -> None:
    publish(tmp_path, ROWS, None)
    linked = tmp_path / "link.duckdb"
    linked.hardlink_to(tmp_path / "catalog.duckdb")  # in one process DuckDB knows a database by its path
    with duckdb.connect(str(linked), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM sources").fetchone() == (2,)
        publish(tmp_path, {"sources": [{"source": "only"}]}, None)
        assert reader.execute("SELECT count(*) FROM sources").fetchone() == (2,)
    assert ask(tmp_path, "SELECT source FROM sources") == [("only",)]


def test_the_file_is_read_only_and_older_tools_can_read_it(tmp_path: Path) -> None:
    publish(tmp_path, ROWS, None)
    file = tmp_path / "catalog.duckdb"
    assert file.stat().st_mode & 0o777 == 0o444
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH {quote(str(file))} AS published (READ_ONLY)")
        tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'published'").fetchone()
    assert tags is not None
    assert tags[0]["storage_version"].startswith("v1.5.0")


def test_a_log_that_a_writing_reader_left_does_not_spoil_the_next_version(tmp_path: Path) -> None:
    publish(tmp_path, ROWS, None)
    foreign = tmp_path / "catalog.duckdb.wal"
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("CREATE TABLE mine (a INTEGER)")
        foreign.write_bytes((tmp_path / "other.duckdb.wal").read_bytes())
    publish(tmp_path, ROWS, None)
    assert not foreign.exists()
    assert ask(tmp_path, "SELECT count(*) FROM sources") == [(2,)]


def test_a_failure_leaves_the_old_version_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path, ROWS, None)
    with pytest.raises(duckdb.ConstraintException):
        publish(tmp_path, {"sources": [{"source": "twice"}, {"source": "twice"}]}, None)
    assert ask(tmp_path, "SELECT count(*) FROM sources") == [(2,)]
    assert listing(tmp_path) == ["catalog.duckdb"]


def test_a_full_or_read_only_disk_leaves_the_old_version(tmp_path: Path) -> None:
    many = {"quarantine": [{"source": "s", "detail": f"{i * i:>400}{i**9}"} for i in range(20_000)]}
    with small_disk(tmp_path / "disk", megabytes=4) as disk:
        publish(disk, ROWS, None)
        with pytest.raises(StoreError, match=r"can't write .*catalog.duckdb.*nothing that was there has changed"):
            publish(disk, many, None)
        assert listing(disk) == ["catalog.duckdb"]
        make_read_only(disk)
        with pytest.raises(StoreError, match=r"can't write .*catalog.duckdb"):
            publish(disk, ROWS, None)
        assert ask(disk, "SELECT count(*) FROM sources") == [(2,)]


def test_views_read_exactly_the_parts_that_they_name(tmp_path: Path) -> None:
    store = tmp_path / "it's a [store]*"
    (store / "wide").mkdir(parents=True)
    ids = [bytes([i] * 16) for i in range(3)]
    wide = pa.table(
        {
            "doc_id": pa.array(ids, pa.binary()),
            "id": ["a", "b", "c"],
            "source": ["news"] * 3,
            "file": ["f"] * 3,
            "row": [0, 1, 2],
            "created": pa.array([None] * 3, pa.timestamp("us")),
            "created_precision": pa.array([None] * 3, pa.string()),
            "url": pa.array([None] * 3, pa.string()),
            "host": pa.array([None] * 3, pa.string()),
            "license": ["CC0-1.0", None, None],
            "words": [10, 20, 30],
            "bytes": [60, 120, 180],
            "text_hash": pa.array(ids, pa.binary()),
            "shard": ["s"] * 3,
            "shard_row": [0, 1, 2],
        }
    )
    decided = pa.table(
        {
            "doc_id": pa.array(ids, pa.binary()),
            "cluster_id": pa.array(ids, pa.binary()),
            "cluster_size": [1, 1, 1],
            "is_keeper": [True] * 3,
            "kept": [True, False, True],
            "reasons": pa.array([[], ["c4.words"], []], pa.list_(pa.string())),
        }
    )
    pq.write_table(wide.slice(0, 2), store / "wide" / "1.parquet")
    pq.write_table(wide.slice(2), store / "wide" / "2.parquet")
    pq.write_table(wide.slice(2), store / "wide" / "uncommitted.parquet")
    pq.write_table(decided, store / "decided.parquet")
    edges = {"a": [ids[0]], "b": [ids[1]], "kind": ["near"], "jaccard": [0.9], "verified": ["text"]}
    pq.write_table(pa.table(edges), store / "edges.parquet")
    views = Views(
        wide=("wide/1.parquet", "wide/2.parquet"),
        decisions="decided.parquet",
        edges="edges.parquet",
        uses=(),
        columns=('w."words"', "w.bytes"),
        expansion="SELECT doc_id FROM measured",
    )
    publish(store, {"sources": [{"source": "news", "domain": "paper", "license": "own"}]}, views)
    rows = ask(store, "SELECT doc_id, domain, license, words, kept, reasons FROM documents ORDER BY id")
    assert rows == [
        ("00" * 16, "paper", "CC0-1.0", 10, True, []),
        ("01" * 16, "paper", "own", 20, False, ["c4.words"]),
        ("02" * 16, "paper", "own", 30, True, []),
    ]
    assert ask(store, "SELECT doc_id_a, kind, jaccard FROM edges") == [("00" * 16, "near", 0.9)]
    assert ask(store, "SELECT count(*) FROM decisions") == [(3,)]
    assert ask(store, "SELECT count(*) FROM uses") == [(0,)]


def test_names_and_texts_are_quoted() -> None:
    with duckdb.connect() as connection:
        name, text = 'a"b; DROP', "it's; --"
        relation = connection.sql(f"SELECT {quote(text)} AS {identifier(name)}")
        assert (relation.columns, relation.fetchall()) == ([name], [(text,)])
