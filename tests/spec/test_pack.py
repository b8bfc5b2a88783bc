from __future__ import annotations

from pathlib import Path

import pytest

from datamix.errors import SpecError
from datamix.spec.pack import PackFile, read_pack

PACK = """version: 1
name: own
title: t
citation: c
parameters:
  least: 3
  most: {default: 0.5, description: a share}
rules:
  - {name: short, keep: words > least, reason: r}
  - {name: long, keep: words < 100, reason: r, citation: other}
examples:
  - {text: "a b c d", keeps: true}
  - {signals: {words: 1}, drops: [short]}
"""


def read(folder: Path, text: str, name: str = "own") -> PackFile:
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return read_pack(file)


def test_a_pack_is_read_with_its_lines(tmp_path: Path) -> None:
    file = read(tmp_path, PACK)
    assert {name: p.default for name, p in file.pack.parameters.items()} == {"least": 3, "most": 0.5}
    assert [rule.name for rule in file.pack.rules] == ["short", "long"]
    assert file.document.line(("rules", 1, "keep")) == 10
    assert file.pack.examples[1].signals == {"words": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", r"own.yaml:1: version: "),
        ("name: own", "name: other", r"own.yaml:2: the pack is named 'other' and its file 'own.yaml'"),
        ("title: t\n", "", r"own.yaml:1: the key 'title' is missing"),
        ("citation: c\n", "", r"own.yaml:1: the key 'citation' is missing"),
        ("parameters:", "paramaters:", r"own.yaml:5: unknown key 'paramaters'; did you mean 'parameters'\?"),
        ("description: a share", "text: a share", r"own.yaml:7: unknown key 'text'"),
        ("default: 0.5, ", "", r"own.yaml:7: the key 'default' is missing"),
        ("name: long", "name: short", r"own.yaml:10: the rule 'short' stands twice"),
        ("name: long", "name: a.b", r"own.yaml:10: rules.1.name"),
        ("keep: words < 100", "keeps: words < 100", r"own.yaml:10: unknown key 'keeps'; did you mean 'keep'\?"),
        ("drops: [short]", "drops: [shrot]", r"own.yaml:13: unknown rule 'shrot'; did you mean 'short'\?"),
        ("drops: [short]", "drops: [short], keeps: true", r"own.yaml:13: .*either `drops"),
        (", keeps: true", "", r"own.yaml:12: .*either `drops"),
        ("keeps: true", "keeps: false", r"own.yaml:12: "),
        ('text: "a b c d", ', "", r"own.yaml:12: .*either `text` or `signals`"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PACK
    with pytest.raises(SpecError, match=message):
        read(tmp_path, PACK.replace(old, new, 1))


def test_no_rules_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"own.yaml:5: rules: "):
        read(tmp_path, "version: 1\nname: own\ntitle: t\ncitation: c\nrules: []\n")


def test_the_name_of_duplicates_reasons_is_reserved(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"dedup.yaml:2: 'dedup' names the reasons of duplicates"):
        read(tmp_path, PACK.replace("name: own", "name: dedup"), "dedup")
