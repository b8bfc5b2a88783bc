"""A project that was run and planned, made once for all tests that only ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from datamix.pipeline.mix import Planned, plan_mixture
from datamix.spec.project import read_project
from tests.pipeline.conftest import PROJECT, write_corpus
from tests.pipeline.runs import run_local

MIXTURE = """\
version: 1
name: tiny
tokens: 128K
sequence_length: 500
batch: 4
seed: 5
components:
  help: {where: "source = 'help' and kept"}
  pairs: {where: "source = 'tables' and kept", max_epochs: 4}
phases:
  - {name: base, weights: {help: 0.9, pairs: 0.1}}
  - {name: upsample, last: 25%, weights: {pairs: 1}}
"""


def finished_project(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project that was run and has the plan `tiny`; tests do not change its files."""
    root = factory.getbasetemp() / "finished"
    if not (root / "store" / "plans").is_dir():
        make_project(root)
        run_local(root)
        plan_tiny(root)
    return root


def make_project(root: Path) -> None:
    """Write a project and its mixture."""
    write_corpus(root)
    (root / "datamix.yaml").write_text(PROJECT)
    (root / "mixtures").mkdir()
    (root / "mixtures" / "tiny.yaml").write_text(MIXTURE)


def plan_tiny(root: Path) -> Planned:
    """Plan the project's mixture."""
    return plan_mixture(read_project(root), root / "mixtures" / "tiny.yaml")
