"""What `datamix check` finds, and that it finds nothing wrong in what is well."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from datamix.filters.check import Finding
from datamix.pipeline.check import check_project
from datamix.spec.project import read_project
from tests.fasttext_models import train
from tests.finished import MIXTURE, finished_project
from tests.pipeline.conftest import PROJECT, write_corpus

PACK = """\
version: 1
name: {name}
title: Texts of some length
description: Keeps texts of some length.
citation: this test
rules:
  - {{name: short, keep: "words >= {words}", reason: too short to tell anything}}
examples:
  - {{text: three short words, drops: [short]}}
  - {{text: some words that are enough for this rule here, keeps: true}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that no run has seen, with everything in order."""
    write_corpus(tmp_path)
    (tmp_path / "datamix.yaml").write_text(PROJECT)
    write(tmp_path / "mixtures" / "tiny.yaml", MIXTURE)
    return tmp_path


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def replace(project: Path, old: str, new: str) -> None:
    file = project / "datamix.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def errors(project: Path) -> list[str]:
    return [finding.message for finding in check_project(read_project(project)) if finding.severity == "error"]


def test_nothing_is_wrong_before_a_run_and_the_store_is_not_touched(project: Path) -> None:
    assert errors(project) == []
    assert not (project / "store").exists()


def test_finds_a_damaged_model(project: Path, tmp_path: Path) -> None:
    model = train(tmp_path, "quantised")
    model.write_bytes(model.read_bytes()[:-100])
    replace(project, "{tokenizer: bytes}", "{scores: {quality: {model: model.ftz, label: l0}}}")
    (message,) = errors(project)
    assert "model.ftz" in message


def test_finds_a_model_that_is_not_there_and_names_the_models_that_are(project: Path) -> None:
    replace(project, "{tokenizer: bytes}", "{scores: {quality: {model: quality-enn.ftz, label: good}}}")
    (message,) = errors(project)
    assert re.search(r"no model at .*quality-enn.ftz, .*did you mean 'quality-en.ftz'", message)
    assert re.search(r"there are: ([\w-]+\.(ftz|bin)(, )?)+$", message)


def test_finds_a_label_that_the_model_does_not_have(project: Path, tmp_path: Path) -> None:
    train(tmp_path, "quantised")
    replace(project, "{tokenizer: bytes}", "{scores: {quality: {model: model.ftz, label: good}}}")
    (message,) = errors(project)
    assert "'good'" in message


def test_runs_the_examples_of_the_projects_own_packs_used_or_not(project: Path) -> None:
    for name, words in (("right", 5), ("wrong", 3)):
        write(project / "filters" / "packs" / f"{name}.yaml", PACK.format(name=name, words=words))
    (message,) = errors(project)
    assert "filters/packs/wrong.yaml:9: example 1: should be dropped by short, but is kept" in message


def test_finds_packs_that_are_not_there_or_not_readable(project: Path) -> None:
    replace(project, "fineweb]\n", "fineweb, gopherr]\n")
    write(project / "filters" / "packs" / "odd.yaml", "version: 1\nname: odd\nrulez: []\n")
    unreadable, missing = sorted(errors(project), key=len)[::-1] if "odd" in errors(project)[0] else errors(project)
    found = f"{unreadable}\n{missing}"
    assert "datamix.yaml:11: no 'gopherr' in filters/packs/" in found
    assert "odd.yaml" in found
    assert "'rulez'" in found


def test_finds_a_column_that_a_pack_needs_and_nothing_measures(project: Path) -> None:
    replace(project, "fineweb]\n", "fineweb, quality]\n")
    (message,) = errors(project)
    assert "datamix.yaml:11: the filter 'quality' needs the column 'quality'" in message


def test_finds_missing_input_beside_other_mistakes(project: Path) -> None:
    replace(project, "data/help.jsonl", "data/hlep.jsonl")
    write(project / "mixtures" / "broken.yaml", MIXTURE.replace("phases:", "phasen:"))
    found = "\n".join(errors(project))
    assert "datamix.yaml:4: " in found
    assert "did you mean 'help.jsonl'" in found or "'help.jsonl'" in found
    assert "broken.yaml:10: " in found


@pytest.mark.parametrize(
    ("old", "new", "severity", "message"),
    [
        ('kept"}', 'keptt"}', "error", r"component 'help'.*'keptt'.*'kept'"),
        ('kept"}', 'kept and random() < 0.5"}', "error", "component 'help'"),
        ("pairs: 1}", "pears: 1}", "error", "tiny.yaml:12: .*unknown component 'pears'; did you mean 'pairs'"),
        ("{where: \"source = 'help' and kept\"}", "{source: hlep}", "warning", r"source 'hlep'.*did you mean 'help'"),
        ("{where: \"source = 'help' and kept\"}", "{domain: mirrors}", "warning", r"domain 'mirrors'.*'mirror'"),
    ],
)
def test_finds_mistakes_in_mixtures(project: Path, old: str, new: str, severity: str, message: str) -> None:
    write(project / "mixtures" / "tiny.yaml", MIXTURE.replace(old, new))
    (finding,) = check_project(read_project(project))
    assert finding.severity == severity
    assert re.search(message, finding.message)
    assert "tiny.yaml" in finding.message


def test_finds_mistakes_in_stock_files(project: Path) -> None:
    write(project / "mixtures" / "tiny.stock.yaml", "help: 1B\npairs: many\n")
    (message,) = errors(project)
    assert "tiny.stock.yaml:2: 'many' is not a number of tokens" in message


def test_finds_a_query_that_can_not_be_parsed(project: Path) -> None:
    write(project / "catalog" / "queries" / "odd.sql", "-- What?\nSELEC 1;\n")
    (message,) = errors(project)
    assert "catalog/queries/odd.sql: Parser Error" in message


def test_says_which_input_will_be_quarantined(project: Path) -> None:
    (project / "data" / "tables.parquet").write_bytes(b"PAR1 is not enough")
    (finding,) = check_project(read_project(project))
    assert finding.severity == "warning"
    assert "data/tables.parquet" in finding.message


def test_finds_a_text_column_that_no_row_has(project: Path) -> None:
    replace(project, "columns: [url], priority: 1", "text: body, priority: 1")
    (message,) = errors(project)
    assert "datamix.yaml:4: source 'help': all of the first 8" in message
    assert re.search(
        r"rows of data/help.jsonl would be quarantined, the first for text_missing: .*keys: name, text, url", message
    )


def test_finds_a_text_column_that_a_table_does_not_have(project: Path) -> None:
    replace(project, "created: year", "text: body, created: year")
    assert re.search("tables.parquet has no column 'body'; it has text, year", errors(project)[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("jsonl, id: name, columns: [url]", "jsonl, id: nam, columns: [url]", r"'nam' \(`id`\) is absent or null"),
        (
            "columns: [url]",
            "columns: [link]",
            r"'link' \(`columns`\) is absent or null in all of the first \d+ documents",
        ),
        ("columns: [url]", "created: name", r"'name' \(`created`\) holds no date, time or year"),
    ],
)
def test_warns_of_columns_without_a_value(project: Path, old: str, new: str, message: str) -> None:
    replace(project, old, new)
    (finding,) = check_project(read_project(project))
    assert finding.severity == "warning"
    assert re.search(rf"datamix.yaml:4: source 'help': {message}", finding.message)


def test_binds_queries_to_the_catalog_and_tells_rules_without_effect(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = finished_project(tmp_path_factory)
    other = tmp_path_factory.mktemp("check")
    shutil.copytree(root / "data", other / "data")
    write(other / "catalog" / "queries" / "odd.sql", "-- What?\nSELECT nothing FROM documents;\n")
    project = (root / "datamix.yaml").read_text().replace("store: ./store", f"store: {root / 'store'}")
    strict = project.replace("min_alpha_words: 0.5", "min_alpha_words: 0.5, min_words: 1000000")
    write(other / "datamix.yaml", strict)
    findings = check_project(read_project(other))
    assert findings[0].severity == "error"
    assert "odd.sql: Binder Error" in findings[0].message
    assert find(findings, "gopher-datatrove", "short").message.startswith("drops everything among ")
    assert find(findings, "gopher-datatrove", "long").message.startswith("drops nothing among ")


def find(findings: list[Finding], pack: str, rule: str) -> Finding:
    (found,) = (finding for finding in findings if (finding.pack, finding.rule) == (pack, rule))
    return found
