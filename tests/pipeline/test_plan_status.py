"""Whether a plan is stale: silent where nothing changed, and a sentence for each thing that did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datamix.cli import execute
from datamix.pipeline.plan_status import plan_status
from datamix.spec.project import read_project
from tests.finished import MIXTURE, finished_project, make_project, plan_tiny
from tests.pipeline.runs import run_local


def warnings(root: Path) -> list[str]:
    return plan_status(read_project(root), "tiny").warnings


def test_a_fresh_plan_is_named_and_not_stale(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = finished_project(tmp_path_factory)
    planned = plan_tiny(root)
    status = plan_status(read_project(root), planned.plan[:10])
    assert (status.plan, status.mixture, status.file) == (planned.plan, "tiny", "mixtures/tiny.yaml")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", status.created)
    assert status.warnings == []


def test_what_changed_since_is_told_until_it_is_planned_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(tmp_path)
    run_local(tmp_path)
    plan_tiny(tmp_path)
    spec, file = tmp_path / "mixtures" / "tiny.yaml", tmp_path / "datamix.yaml"
    spec.write_text("# Other words alone.\n" + MIXTURE)
    assert warnings(tmp_path) == []
    spec.write_text(MIXTURE.replace("seed: 5", "seed: 6"))
    (told,) = warnings(tmp_path)
    assert re.fullmatch(
        r"the plan is stale: .*tiny.yaml was changed since. `datamix mix plan mixtures/tiny.yaml` .*", told
    )
    spec.write_text(MIXTURE)
    file.write_text(file.read_text().replace("min_alpha_words: 0.5", "min_alpha_words: 0.5, min_words: 150"))
    assert warnings(tmp_path) == []  # as the store is; no run has decided anew
    run_local(tmp_path)
    (told,) = warnings(tmp_path)
    assert "filters, deduplication or sources were changed since; the documents of help are others now" in told
    emit = ["mix", "emit", "tiny", "-C", str(tmp_path), "--out", str(tmp_path / "out"), "--engine", "local"]
    assert execute(emit) == 0
    shown = capsys.readouterr().out
    assert re.search(
        r"^plan [0-9a-f]{32} of tiny, made .* UTC from mixtures/tiny.yaml\nwarning: the plan is stale", shown
    )
    assert "documents begun" in shown
    assert plan_tiny(tmp_path).ledger["components"]["help"]["tokens"] > 0
    assert warnings(tmp_path) == []


def test_a_component_that_can_not_be_asked_any_more_is_told(tmp_path: Path) -> None:
    make_project(tmp_path)
    file = tmp_path / "datamix.yaml"
    spec = tmp_path / "mixtures" / "tiny.yaml"
    file.write_text(file.read_text().replace("columns: [url]", "columns: [url, grade]"))
    spec.write_text(MIXTURE.replace("source = 'help' and kept", "source = 'help' and kept and grade is null"))
    run_local(tmp_path)
    plan_tiny(tmp_path)
    file.write_text(file.read_text().replace("columns: [url, grade]", "columns: [url]"))
    run_local(tmp_path)
    (told,) = warnings(tmp_path)
    assert "it could not be planned as it was: " in told
    assert "'grade'" in told
