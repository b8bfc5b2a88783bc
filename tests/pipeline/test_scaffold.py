"""A new project file: it passes its own check, and runs."""

from __future__ import annotations

import json
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from datamix.cli import execute
from datamix.errors import SpecError
from datamix.pipeline.check import check_project
from datamix.pipeline.mix import plan_mixture
from datamix.pipeline.scaffold import write_scaffold
from datamix.spec.mixture import read_mixture
from datamix.spec.project import read_project
from tests.pipeline.runs import run_local


def write_data(folder: Path) -> None:
    """Write each topic into one of three files."""
    (folder / "data" / "web").mkdir(parents=True)
    texts = [topics[name] for name in sorted(topics)]
    for i, name in enumerate(("web/a.jsonl", "web/b.jsonl", "books.jsonl")):
        (folder / "data" / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[i::3]))


def test_passes_its_check_and_runs_to_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_scaffold(tmp_path, ["data/web/*.jsonl", "data/books.jsonl"])
    file = read_project(tmp_path)
    assert [source.name for source in file.project.sources] == ["web", "books"]
    assert [finding.message for finding in check_project(file)] == []
    project = tmp_path / "datamix.yaml"
    lenient = "filters: [{gopher-datatrove: {min_alpha_words: 0.4}}, "  # the topics are full of signs
    project.write_text(project.read_text().replace("filters: [gopher-datatrove, ", lenient))
    file = read_project(tmp_path)
    summary = run_local(tmp_path)
    assert summary.counts.documents == len(topics)
    mixture = tmp_path / "mixtures" / "first.yaml"
    smaller = mixture.read_text().replace("tokens: 10240K", "tokens: 20480")
    mixture.write_text(smaller)
    ledger = plan_mixture(file, mixture).ledger
    assert ledger["sequences"] == 10
    assert ledger["warnings"] == []


def test_without_data_the_first_thing_to_mend_is_named(tmp_path: Path) -> None:
    write_scaffold(tmp_path, [])
    (finding,) = check_project(read_project(tmp_path))
    assert finding.severity == "error"
    assert "datamix.yaml:6: " in finding.message
    assert "data/*.jsonl" in finding.message


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
def test_weights_of_the_first_mixture_sum_to_one(tmp_path: Path, count: int) -> None:
    write_scaffold(tmp_path, [f"data/{i}.jsonl" for i in range(count)])
    mixture = read_mixture(tmp_path / "mixtures" / "first.yaml")
    assert sum(mixture.phases[0].weights.values()) == 1
    assert len(mixture.components) == count
    assert mixture.tokens % mixture.sequence_length == 0


def test_names_sources_after_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [
        "data/news/*.parquet",
        "news.jsonl.zst",
        "../news/*.jsonl",
        "*.jsonl",
        "data/été: #1.jsonl",
        "/" + "long" * 40 + ".jsonl",
        "/" + "long" * 40 + ".jsonl.gz",
        "./_private.jsonl",
    ]
    write_scaffold(tmp_path, paths)
    sources = read_project(tmp_path).project.sources
    assert [source.path for source in sources] == [(path,) for path in [*paths[:-1], "_private.jsonl"]]
    names = [source.name for source in sources]
    assert names[:5] == ["news", "news-2", "news-3", "source", "t-1"]
    assert names[5:] == [("long" * 16), "long" * 14 + "lo-2", "private"]
    assert list(read_mixture(tmp_path / "mixtures" / "first.yaml").components) == names


def test_never_overwrites_a_project(tmp_path: Path) -> None:
    (tmp_path / "datamix.yaml").write_text("version: 1\n")
    with pytest.raises(SpecError, match="is there already; edit it, or name another folder"):
        write_scaffold(tmp_path, ["data/*.jsonl"])
    assert (tmp_path / "datamix.yaml").read_text() == "version: 1\n"
    assert not (tmp_path / "mixtures").exists()


def init(*arguments: str) -> tuple[str, ...]:
    """Call `datamix init` and return the paths of the only source that it wrote."""
    assert execute(["init", *arguments]) == 0
    folder = Path(arguments[0]) if Path(arguments[0]).is_dir() else Path()
    (source,) = read_project(folder).project.sources
    return source.path


def test_paths_are_seen_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data(tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    assert init("own", "--data", "own/data/web/*.jsonl") == ("data/web/*.jsonl",)
    assert init("other", "--data", "own/data/web/*.jsonl") == (str(tmp_path / "own" / "data" / "web" / "*.jsonl"),)
    assert "warning" not in capsys.readouterr().out
    assert [check_project(read_project(tmp_path / folder)) for folder in ("own", "other")] == [[], []]
    assert init("third", "--data", "data/*.jsonl") == (str(tmp_path / "data" / "*.jsonl"),)
    assert "warning: source 'data': " in capsys.readouterr().out


def test_a_glob_without_quotes_is_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    web = ("data/web/a.jsonl", "data/web/b.jsonl")
    assert init("new", "--data", *web) == tuple(str(tmp_path / path) for path in web)
    assert init("newer", *web) == tuple(str(tmp_path / path) for path in web)
    assert init("--data", *web) == web
    assert read_project(tmp_path).project.sources[0].name == "web"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b"], "there is no file b; one folder is made at a time"),
        (
            ["new", "--data", "data/web/a.jsonl", "--data", "data/books.jsonl", "data/web/b.jsonl"],
            "it is open whether data/web/b.jsonl belongs to data/web/a.jsonl or to data/books.jsonl; write each",
        ),
    ],
)
def test_what_is_open_is_asked_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert execute(["init", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*/datamix.yaml"))
