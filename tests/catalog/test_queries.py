"""Every named query runs on a finished project, and answers what its first line says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datamix.catalog.query import named_query, query, query_names
from datamix.library import names
from tests.finished import finished_project, make_project
from tests.pipeline.runs import ask, run_local

ALL = sorted(names(None, "catalog/queries", ".sql"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


def answer(project: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = query(project / "store" / "catalog.duckdb", named_query(project, name)).to_pylist()
    return rows


def one(project: Path, sql: str) -> Any:
    ((value,),) = (row.values() for row in ask(project, sql))
    return value


@pytest.mark.parametrize("name", ALL)
def test_runs_twice_alike_and_says_what_it_answers(project: Path, name: str) -> None:
    assert answer(project, name) == answer(project, name)
    assert query_names(project)[name].endswith(".")


def test_tokens_by_domain_sum_to_all(project: Path) -> None:
    rows = answer(project, "tokens-by-domain")
    assert sum(row["documents"] for row in rows) == one(project, "SELECT count(*) FROM documents")
    assert sum(row["tokens"] for row in rows) == one(project, "SELECT sum(tokens)::BIGINT FROM documents")
    assert sum(row["kept"] for row in rows) == one(project, "SELECT count(*) FROM documents WHERE kept")
    assert {(row["domain"], row["source"]) for row in rows} == {
        ("help", "help"),
        ("mirror", "mirror"),
        ("help", "tables"),
    }


def test_drop_reasons_count_every_dropped_document_once_as_first(project: Path) -> None:
    rows = answer(project, "drop-reasons")
    assert sum(row["first"] for row in rows) == one(project, "SELECT count(*) FROM documents WHERE NOT kept")
    assert sum(row["any"] for row in rows) == one(project, "SELECT sum(len(reasons))::BIGINT FROM documents")


def test_largest_clusters_are_sorted_by_what_they_lost_and_name_their_keeper(project: Path) -> None:
    rows = answer(project, "largest-clusters")
    lost = [row["duplicates"] for row in rows]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] == one(project, "SELECT max(exact + near) FROM clusters")
    assert all(row["duplicates"] == row["exact"] + row["near"] for row in rows)
    assert all(row["size"] > row["exact"] + row["near"] for row in rows)  # what the filters drop is no duplicate


def test_duplication_between_sources_shows_the_mirror(project: Path) -> None:
    rows = answer(project, "duplication-between-sources")
    assert {row["keeper_source"] for row in rows if row["source"] == "mirror"} == {"help", "mirror"} & {
        row["keeper_source"] for row in rows
    }
    dropped = "SELECT count(*) FROM documents WHERE reasons[-1] IN ('dedup.exact', 'dedup.near')"
    assert sum(row["duplicates"] for row in rows) == one(project, dropped)


def test_documents_by_year_count_the_dated_and_the_undated(project: Path) -> None:
    rows = answer(project, "documents-by-year")
    assert [row["year"] for row in rows] == [*map(str, range(2000, 2015)), None]
    assert all(row["documents"] == 1 and row["sources"] == ["tables"] for row in rows[:-1])


def test_scores_are_absent_where_none_are_measured(project: Path) -> None:
    assert answer(project, "score-histograms") == []
    assert {row["scored"] for row in answer(project, "quality-by-domain")} == {0}


def test_runs_and_stages_tell_of_the_run(project: Path) -> None:
    (run,) = answer(project, "runs")
    assert (run["command"], run["status"], run["shards_measured"], run["quarantined"]) == ("run", "done", 3, 3)
    stages = [row["stage"] for row in answer(project, "slowest-stages")]
    assert {"inventory", "compile", "measure", "join", "duplicates", "decide"} <= set(stages)
    spent = [max(row["seconds"], row["worker_seconds"]) for row in answer(project, "slowest-stages")]
    assert spent == sorted(spent, reverse=True)


def test_slowest_stages_are_those_of_a_run_that_measured(tmp_path: Path) -> None:
    make_project(tmp_path)
    measured = run_local(tmp_path)
    assert run_local(tmp_path).shards_measured == 0
    assert [row["stage"] for row in answer(tmp_path, "slowest-stages") if row["stage"] == "measure"]
    assert measured.shards_measured == one(tmp_path, "SELECT max(shards_measured) FROM runs")


def test_mixture_by_phase_shares_sum_to_one(project: Path) -> None:
    rows = answer(project, "mixture-by-phase")
    assert {(row["phase"], row["component"]) for row in rows} == {
        (phase, component) for phase in ("base", "upsample") for component in ("help", "pairs")
    }
    for plan, position in {(row["plan"], row["position"]) for row in rows}:
        shares = [row["share"] for row in rows if (row["plan"], row["position"]) == (plan, position)]
        assert sum(shares) == pytest.approx(1)


def test_near_threshold_counts_failures_and_the_narrow_ones(project: Path) -> None:
    rows = answer(project, "near-threshold")
    assert sum(row["failed"] for row in rows) == one(project, "SELECT count(*) FROM decisions WHERE op <> 'missing'")
    assert all(0 <= row["narrowly"] <= row["failed"] for row in rows)
    (short,) = (row for row in rows if row["rule"] == "short")
    assert short["highest"] < short["threshold"] == 50
    failed = "SELECT value FROM decisions WHERE pack = '{pack}' AND rule = '{rule}' AND term = '{term}' AND op = '{op}'"
    for row in rows:
        values = [found["value"] for found in ask(project, failed.format(**row))]
        whole = all(value == int(value) for value in [*values, row["threshold"]])
        narrow = max(0.1 * abs(row["threshold"]), whole)
        assert row["narrowly"] == sum(abs(value - row["threshold"]) <= narrow for value in values)
        assert row["threshold_high"] is None


def test_quarantine_names_lines_and_reasons(project: Path) -> None:
    rows = [(row["file"], row["line"], row["reason"]) for row in answer(project, "quarantine")]
    reasons = ((4, "not_json"), (10, "text_missing"), (21, "text_empty"))
    assert rows == [("data/help.jsonl", line, reason) for line, reason in reasons]


def test_a_projects_own_query_comes_first(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "catalog" / "queries"
    folder.mkdir(parents=True)
    (folder / "runs.sql").write_text("-- Only how many.\nSELECT count(*) AS runs FROM runs;\n")
    assert query_names(tmp_path)["runs"] == "Only how many."
    assert set(query_names(tmp_path)) == set(ALL)
    assert len(ALL) >= 10
