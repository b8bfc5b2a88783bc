"""catalog/README.md says exactly what the catalog shows, and its examples run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from datamix.catalog.query import VIEWS
from datamix.library import library_folder
from datamix.pipeline.mix import plan_mixture
from datamix.signals.registry import families, wide_columns
from datamix.spec.project import read_project
from tests.pipeline.runs import ask, run_local

PROJECT = """\
version: 1
sources: [{name: help, path: help.jsonl, id: name}]
filters: [gopher-datatrove, c4]
"""
MIXTURE = """\
version: 1
name: small
tokens: 64K
sequence_length: 1024
components: {all: {where: "bytes > 0"}}
phases:
  - {name: base, weights: {all: 1}}
"""

_HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)
_ROW = re.compile(r"^\| `(\w+)` \| ([A-Z]+(?:\[\])?) \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of Python's help topics, run and planned."""
    root = tmp_path_factory.mktemp("project")
    lines = [json.dumps({"name": name, "text": topics[name]}) + "\n" for name in sorted(topics)]
    (root / "help.jsonl").write_text("".join(lines))
    (root / "datamix.yaml").write_text(PROJECT)
    (root / "small.yaml").write_text(MIXTURE)
    run_local(root)
    plan_mixture(read_project(root), root / "small.yaml")
    return root


@pytest.fixture(scope="module")
def readme() -> str:
    return (library_folder() / "catalog" / "README.md").read_text()


def documented(readme: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Return (type, meaning) by view and column, in the order of the text."""
    _, *pieces = _HEADING.split(readme)
    return {
        view: {column: (kind, meaning.replace("\\|", "|")) for column, kind, meaning in _ROW.findall(text)}
        for view, text in zip(pieces[::2], pieces[1::2], strict=True)
    }


def test_documents_every_view(readme: str, project: Path) -> None:
    relations = {row["name"] for row in ask(project, "SELECT name FROM (SHOW TABLES)")}
    assert list(documented(readme)) == list(VIEWS)
    assert relations == set(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_documents_every_column_with_its_type(readme: str, project: Path, view: str) -> None:
    columns = ask(project, f"SELECT column_name, column_type FROM (DESCRIBE {view})")
    shown = [(column["column_name"], column["column_type"]) for column in columns]
    assert [(column, kind) for column, (kind, _) in documented(readme)[view].items()] == shown


def test_describes_signals_as_their_families_do(readme: str, project: Path) -> None:
    documents = documented(readme)["documents"]
    for column in wide_columns(families(read_project(project))):
        assert documents[column.name][1] == column.description


def test_examples_run_and_answer(readme: str, project: Path) -> None:
    examples = re.findall(r"```sql\n(.+?)```", readme, re.DOTALL)
    assert len(examples) == 5
    for sql in examples:
        assert ask(project, sql), sql
