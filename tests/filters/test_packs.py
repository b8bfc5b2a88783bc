from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from datamix.errors import SpecError
from datamix.filters.decide import Decider
from datamix.filters.packs import load_packs
from datamix.spec.project import read_project

PROJECT = """version: 1
sources:
  - {name: a, path: a.jsonl}
filters:
  - c4
  - FILTER
"""
OWN = """version: 1
name: own
title: t
citation: c
parameters: {least: 3, word: x, strict: true}
rules:
  - {name: short, keep: words >= least, reason: r}
"""
COLUMNS = {
    "words": pa.int64(),
    "c4_lorem_ipsum_lines": pa.int64(),
    "c4_curly_bracket_lines": pa.int64(),
    "c4_sentences": pa.int64(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "filters" / "packs").mkdir(parents=True)
    (tmp_path / "filters" / "packs" / "own.yaml").write_text(OWN)
    return tmp_path


def decider(folder: Path, entry: str) -> Decider:
    (folder / "datamix.yaml").write_text(PROJECT.replace("FILTER", entry))
    return Decider(load_packs(read_project(folder)), COLUMNS)


def test_parameters_take_the_place_of_defaults(folder: Path) -> None:
    by_default, by_project = decider(folder, "own").definition(), decider(folder, "own: {least: 2.5}").definition()
    assert [pack["name"] for pack in by_default["packs"]] == ["c4", "own"]
    assert by_default["packs"][1]["rules"] == [{"name": "short", "keep": '("words" >= 3)'}]
    assert by_project["packs"][1]["rules"] == [{"name": "short", "keep": '("words" >= 2.5)'}]


def test_a_projects_pack_stands_in_for_the_shipped_one(folder: Path) -> None:
    (folder / "filters" / "packs" / "c4.yaml").write_text(OWN.replace("name: own", "name: c4"))
    assert decider(folder, "own").reasons == ("c4.short", "own.short")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("onw", r"datamix.yaml:6: no 'onw' in filters/packs/.*did you mean 'own'\?"),
        ("own: {leest: 4}", r"datamix.yaml:6: the filter 'own' has no parameter 'leest'; did you mean 'least'\?"),
        ("own: {least: many}", r"datamix.yaml:6: the filter 'own' wants a number for 'least', not 'many'"),
        ("own: {least: true}", r"datamix.yaml:6: .*wants a number"),
        ("own: {word: 3}", r"datamix.yaml:6: .*wants text"),
        ("own: {strict: 1}", r"datamix.yaml:6: .*wants true or false"),
        ("own: {least: .nan}", r"own.yaml:7: .*'least' is not a number"),
        (
            "quality",
            r"datamix.yaml:6: the filter 'quality' needs the column 'quality', which this project does not measure; "
            r"add under `measure:` the line `scores: \{quality: \{model: quality-en.ftz, label: good\}\}`",
        ),
    ],
)
def test_a_use_that_is_wrong_is_named_with_file_and_line(folder: Path, entry: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        decider(folder, entry)


def test_an_unknown_column_is_named_with_the_packs_line_and_the_nearest(folder: Path) -> None:
    file = folder / "filters" / "packs" / "own.yaml"
    file.write_text(OWN.replace("words", "wrods"))
    with pytest.raises(SpecError, match=r"own.yaml:7: .*unknown column 'wrods'; did you mean 'words'\?"):
        decider(folder, "own")
