"""The demo's corpus is real and large enough on any machine; its commands work as they stand."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from datamix.cli import execute
from datamix.pipeline import demo
from datamix.pipeline.demo import largest_clusters, next_commands, write_project
from datamix.pipeline.mix import plan_mixture
from datamix.pipeline.preview import preview
from datamix.pipeline.run import RunOptions
from datamix.spec.project import read_project
from tests.pipeline.runs import Silent, ask, run_local

# Parts of the standard library that systems leave out or ship apart; and where little else is installed.
OPTIONAL = ("idlelib", "tkinter", "lib2to3", "turtledemo", "ensurepip", "distutils", "pydoc_data", "msilib")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's project with a tenth of its text, run and planned."""
    root = tmp_path_factory.mktemp("a demo's folder")
    original = demo._modules
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_modules", lambda: [module for i, module in enumerate(original()) if i % 10 == 0])
        assert write_project(root, Silent())
    mixture = root / "mixtures" / "demo.yaml"
    mixture.write_text(mixture.read_text().replace("tokens: 4096K", "tokens: 256K"))
    run_local(root)
    plan_mixture(read_project(root), mixture)
    return root


def test_the_corpus_is_large_enough_even_on_a_sparse_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = demo._modules
    monkeypatch.setattr(demo, "_modules", lambda: [m for m in original() if m[0].split("/")[0] not in OPTIONAL])
    monkeypatch.setattr(demo, "_packages", lambda: iter(()))
    assert write_project(tmp_path, Silent())
    code = pq.read_table(tmp_path / "data" / "code.parquet").column("text").to_pylist()
    lines = gzip.decompress((tmp_path / "data" / "docs.jsonl.gz").read_bytes()).splitlines()
    docs = [json.loads(line)["text"] for line in lines]
    assert len(code) + len(docs) >= 2_000
    assert sum(len(text.encode()) for text in code + docs) >= 10_000_000


def test_a_second_call_goes_on_from_the_first(project: Path) -> None:
    before = (project / "datamix.yaml").stat().st_mtime_ns
    assert not write_project(project, Silent())
    assert (project / "datamix.yaml").stat().st_mtime_ns == before
    assert preview(read_project(project), RunOptions())["shards_to_measure"] == 0


def test_licences_of_packages_are_natural_near_duplicates(project: Path) -> None:
    rows = largest_clusters(read_project(project)).to_pylist()
    assert rows[0]["documents"] > 2
    assert {row["source"] for row in rows} >= {"packages"}
    records = [json.loads(line) for line in (project / "data" / "packages.jsonl").read_bytes().splitlines()]
    pytest_record = next(record for record in records if record["name"] == "pytest/description")
    assert pytest_record["url"].startswith("https://")
    assert pytest_record["license"] == "MIT"


def test_docstrings_are_found_by_their_place(project: Path) -> None:
    for row in ask(
        project, "SELECT id FROM documents WHERE source = 'docs' AND id LIKE '%:%' AND id NOT LIKE 'help:%'"
    ):
        path, line, name = row["id"].split(":")
        definition = Path(os.__file__).parent.joinpath(path).read_text().splitlines()[int(line) - 1]
        assert name in definition


@pytest.mark.parametrize("number", range(5))
def test_every_command_to_try_next_works_as_it_stands(project: Path, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "datamix"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datamix "$@"\n')
    command.chmod(0o755)
    step = next_commands(read_project(project), "local")[number]
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        ["sh", "-c", step.command], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected: dict[int, Callable[[], bool]] = {
        0: lambda: "gopher-datatrove.short" in done.stdout,
        1: lambda: "dedup.near" in done.stdout and "is led by" in done.stdout,
        2: lambda: "copies" in done.stdout,
        3: lambda: (project / "emitted" / "manifest.json").is_file(),
        4: lambda: "nothing measured anew" in done.stdout,
    }
    assert expected[number]()


def test_the_command_tells_all_that_happened(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "told"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("store", "emitted"))
    assert execute(["demo", str(root), "--engine", "local", "--workers", "1"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for title in (
        "documents", "tokens", "By source", "Dropped, by first reason", "Largest clusters of duplicates",
        "Mixture demo", "The whole run", "By phase", "Where everything lies", "Try next",
    ):  # fmt: skip
        assert title in told.out
    assert told.out.count("\n# ") == 5
    assert "warning" not in told.out
