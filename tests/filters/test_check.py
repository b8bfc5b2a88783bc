from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from datamix.filters.check import Finding, check_effects, check_packs
from datamix.filters.decide import Decider
from datamix.filters.packs import BoundPack, bind_pack, load_pack
from datamix.library import names
from datamix.signals.content import ContentFamily
from datamix.signals.heuristics import HeuristicsFamily
from datamix.spec.pack import read_pack

FAMILIES = (ContentFamily(), HeuristicsFamily())
COLUMNS = {column.name: column.type for family in FAMILIES for column in family.columns}


def measure(texts: Sequence[str]) -> pa.Table:
    array = pa.array(texts, pa.large_string())
    return pa.table({name: values for family in FAMILIES for name, values in family.measure(array).items()})


def write(folder: Path, rules: str, examples: str, more: str = "") -> BoundPack:
    file = folder / "own.yaml"
    file.write_text(
        f"version: 1\nname: own\ntitle: t\ncitation: c\n{more}rules:\n  - {rules}\nexamples:\n  - {examples}\n"
    )
    return bind_pack(read_pack(file))


@pytest.mark.parametrize("name", sorted(names(None, "filters/packs", ".yaml")))
def test_the_examples_of_every_shipped_pack_hold(name: str) -> None:
    pack = load_pack(None, name)
    assert check_packs([pack], COLUMNS, measure) == []
    dropped = {rule for example in pack.file.pack.examples for rule in example.drops}
    unshown = {rule.name for rule in pack.file.pack.rules} - dropped
    assert unshown <= {"long", "ellipses"}


def test_every_shipped_pack_names_its_parameters_with_a_meaning() -> None:
    for name in names(None, "filters/packs", ".yaml"):
        pack = load_pack(None, name).file.pack
        assert all(parameter.description for parameter in pack.parameters.values())
        assert pack.description


def test_an_example_that_does_not_hold_is_an_error_with_its_line(tmp_path: Path) -> None:
    pack = write(tmp_path, "{name: short, keep: words > 2, reason: r}", "{text: one two three, drops: [short]}")
    assert check_packs([pack], COLUMNS, measure) == [
        Finding(
            "own",
            None,
            f"{tmp_path}/own.yaml:8: example 1: should be dropped by short, but is kept",
            "error",
        )
    ]


def test_examples_run_with_the_defaults_whatever_the_project_sets(tmp_path: Path) -> None:
    pack = write(
        tmp_path,
        "{name: short, keep: words > least, reason: r}",
        "{text: one two three, keeps: true}",
        "parameters: {least: 2}\n",
    )
    assert check_packs([bind_pack(pack.file, {"least": 1000})], COLUMNS, measure) == []


def test_a_rule_that_is_no_predicate_is_an_error_and_the_next_pack_is_still_checked(tmp_path: Path) -> None:
    bad = write(tmp_path, "{name: short, keep: wrods > 2, reason: r}", "{text: x, keeps: true}")
    findings = check_packs([bad, load_pack(None, "c4")], COLUMNS, measure)
    assert [finding.severity for finding in findings] == ["error"]
    assert "own.yaml:6: " in findings[0].message
    assert "unknown column 'wrods'; did you mean 'words'?" in findings[0].message


def test_an_example_whose_column_is_not_measured_is_noted(tmp_path: Path) -> None:
    pack = write(
        tmp_path,
        "{name: low, keep: spam < 0.5, reason: r}",
        "{text: one two three, keeps: true}",
        "measure: {spam: 'scores: {spam: {model: m, label: spam}}'}\n",
    )
    findings = check_packs([pack], COLUMNS, measure)
    assert [(finding.severity, finding.message.split(": ", 1)[1]) for finding in findings] == [
        ("note", "example 1: not run: spam is not measured here")
    ]


def test_a_signal_of_the_wrong_type_is_an_error(tmp_path: Path) -> None:
    pack = write(tmp_path, "{name: short, keep: words > 2, reason: r}", "{signals: {words: many}, keeps: true}")
    findings = check_packs([pack], COLUMNS, measure)
    assert [finding.severity for finding in findings] == ["error"]
    assert "wrong type" in findings[0].message


def test_rules_without_effect_are_warned_of(tmp_path: Path) -> None:
    pack = write(tmp_path, "{name: all, keep: words < 0, reason: r}", "{text: x, drops: [all]}")
    file = tmp_path / "own.yaml"
    file.write_text(
        file.read_text().replace(
            "examples:",
            "  - {name: none, keep: words >= 0, reason: r}\n  - {name: some, keep: words > 2, reason: r}\nexamples:",
        )
    )
    pack = bind_pack(read_pack(file))
    texts = ["one", "one two three", "a b c d"]
    table = measure(texts).append_column("doc_id", pa.array([1, 2, 3]))
    with duckdb.connect() as connection:
        connection.register("documents", table)
        findings = check_effects(Decider([pack], COLUMNS), connection, "documents")
        assert [(finding.rule, finding.message, finding.severity) for finding in findings] == [
            ("all", "drops everything among 3 documents", "warning"),
            ("none", "drops nothing among 3 documents", "warning"),
        ]
        assert check_effects(Decider([pack], COLUMNS), connection, "(SELECT * FROM documents LIMIT 0)") == []
        assert check_effects(Decider([], COLUMNS), connection, "documents") == []
