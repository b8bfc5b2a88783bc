"""Plans from the catalog: counted, immutable, pinned, and accounted for in `uses`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datamix.errors import SpecError
from datamix.mixtures.planfile import load_plan
from datamix.pipeline.mix import mixture_file, plan_from_stock, plan_mixture
from datamix.spec.project import read_project
from tests.finished import MIXTURE, finished_project, make_project, plan_tiny
from tests.pipeline.runs import ask, run_local


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


def test_the_ledger_is_as_the_contract_says(project: Path) -> None:
    ledger = plan_tiny(project).ledger
    assert list(ledger) == ["version", "name", "tokens", "sequences", "components", "phases", "warnings"]
    assert (ledger["version"], ledger["name"], ledger["tokens"], ledger["sequences"]) == (1, "tiny", 128_000, 256)
    stock = ask(project, "SELECT source, sum(tokens)::BIGINT AS tokens FROM documents WHERE kept GROUP BY source")
    available = {row["source"]: row["tokens"] for row in stock}
    assert ledger["components"]["help"]["available"] == available["help"]
    assert ledger["components"]["pairs"]["available"] == available["tables"]
    base, upsample = ledger["phases"]
    assert (base["name"], base["start"], base["end"]) == ("base", 0, 192)
    assert (upsample["name"], upsample["start"], upsample["end"]) == ("upsample", 192, 256)
    assert upsample["components"]["help"] == {"tokens": 0, "sequences": 0, "epochs": 0.0}
    for phase in ledger["phases"]:
        assert sum(c["sequences"] for c in phase["components"].values()) == phase["end"] - phase["start"]
        for name, counts in phase["components"].items():
            assert counts["tokens"] == 500 * counts["sequences"]
            assert counts["epochs"] == counts["tokens"] / ledger["components"][name]["available"]
    for name, counts in ledger["components"].items():
        assert counts["sequences"] == sum(phase["components"][name]["sequences"] for phase in ledger["phases"])


def test_uses_sum_to_whole_sequences_of_each_phase_and_component(project: Path) -> None:
    planned = plan_tiny(project)
    used = ask(
        project,
        "SELECT phase, component, sum(tokens)::BIGINT AS tokens, min(first_sequence) AS first, max(last_sequence) AS "
        f"last FROM uses WHERE plan = '{planned.plan}' GROUP BY ALL",
    )
    drawn = {(row["phase"], row["component"]): row["tokens"] for row in used}
    for phase in planned.ledger["phases"]:
        for component, counts in phase["components"].items():
            assert drawn.get((phase["name"], component), 0) == counts["tokens"] == 500 * counts["sequences"]
        inside = [row for row in used if row["phase"] == phase["name"]]
        assert all(phase["start"] <= row["first"] <= row["last"] < phase["end"] for row in inside)
    assert ask(project, "SELECT 1 FROM uses JOIN documents USING (doc_id) WHERE NOT kept") == []


def test_a_plan_is_immutable_and_named_by_what_made_it(project: Path, tmp_path: Path) -> None:
    first = plan_tiny(project)
    assert first.folder is not None
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in first.folder.iterdir()}
    spec = tmp_path / "same.yaml"
    spec.write_text("# Another file, other words, the same mixture.\n" + MIXTURE.replace("0.9", "90%"))
    again = plan_mixture(read_project(project), spec, tmp_path / "out")
    assert again == first
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in first.folder.iterdir()} == before
    assert (tmp_path / "out" / "plan.json").read_bytes() == (first.folder / "plan.json").read_bytes()
    pins = load_plan(first.folder).pins
    assert set(pins) == {"tokenizer", "rules", "documents.help", "documents.pairs"}
    plans = []
    for seed in (6, 7):
        spec.write_text(MIXTURE.replace("seed: 5", f"seed: {seed}").replace("name: tiny", "name: seeds"))
        plans.append(plan_mixture(read_project(project), spec))
    assert plans[0].plan != plans[1].plan
    assert {**plans[0].ledger, "name": "tiny"} == first.ledger


def test_the_same_documents_and_rules_are_the_same_plan_wherever_they_lie(project: Path, tmp_path: Path) -> None:
    make_project(tmp_path)
    more = tmp_path / "data" / "more.jsonl"
    more.write_text('{"name": "alone", "text": "A text that no component asks for, and that repeats no other one."}\n')
    file = tmp_path / "datamix.yaml"
    file.write_text(file.read_text().replace("data/mirror.jsonl.gz", "[data/mirror.jsonl.gz, data/more.jsonl]"))
    run_local(tmp_path, max_shard_bytes=20_000)
    planned, known = plan_tiny(tmp_path), plan_tiny(project)
    assert (planned.plan, planned.ledger) == (known.plan, known.ledger)
    # Rules that change nothing are other rules: what they would have dropped was decided, not forgotten.
    file.write_text(file.read_text().replace("fineweb]\n", "fineweb, {c4: {}}]\n"))
    run_local(tmp_path)
    assert plan_tiny(tmp_path).plan != known.plan


def test_another_threshold_is_another_plan_and_the_old_one_stays(tmp_path: Path) -> None:
    make_project(tmp_path)
    run_local(tmp_path)
    old = plan_tiny(tmp_path)
    file = tmp_path / "datamix.yaml"
    file.write_text(file.read_text().replace("min_alpha_words: 0.5", "min_alpha_words: 0.5, min_words: 150"))
    run_local(tmp_path)
    new = plan_tiny(tmp_path)
    assert new.plan != old.plan
    assert new.ledger["components"]["help"]["available"] < old.ledger["components"]["help"]["available"]
    plans = ask(tmp_path, "SELECT plan FROM plans ORDER BY created")
    assert [row["plan"] for row in plans] == [old.plan, new.plan]
    assert {row["plan"] for row in ask(tmp_path, "SELECT DISTINCT plan FROM uses")} == {old.plan, new.plan}


def test_components_that_share_documents_are_warned_of_but_not_in_the_plan_itself(tmp_path: Path) -> None:
    project = tmp_path / "project"  # of its own: the finished one has one plan
    make_project(project)
    run_local(project)
    spec = tmp_path / "own.yaml"
    spec.write_text(MIXTURE.replace("source = 'tables' and kept", "domain = 'help' and kept").replace("tiny", "shared"))
    planned = plan_mixture(read_project(project), spec)
    shared = ask(project, "SELECT count(*) AS n FROM documents WHERE source = 'help' AND kept")[0]["n"]
    *_, warning = planned.ledger["warnings"]
    assert warning.startswith(f"{shared} documents (")
    assert "are in help and pairs: each draws them" in warning
    assert planned.folder is not None
    assert "each draws them" not in (planned.folder / "plan.json").read_text()
    (row,) = ask(
        project, f"SELECT warnings, file FROM plans JOIN mixtures USING (mixture) WHERE plan = '{planned.plan}'"
    )
    assert (row["warnings"], row["file"]) == (planned.ledger["warnings"], str(spec))
    assert not any("each draws them" in warning for warning in plan_tiny(project).ledger["warnings"])


def test_a_mixture_is_found_from_here_and_from_the_projects_folder(project: Path) -> None:
    found = mixture_file(project, Path("mixtures/tiny.yaml"))
    assert found == mixture_file(project, Path("tiny")) == mixture_file(project, found)


def test_a_trillion_tokens_from_a_stock_file_alone(tmp_path: Path) -> None:
    stock = tmp_path / "stock.yaml"
    stock.write_text("lcc: 1.2T\nscc: 400B\ndomain: 60B\ncode: 180B\n")
    planned = plan_from_stock(mixture_file(tmp_path, Path("spark-joy-20")), stock, tmp_path / "out")
    drawn = {name: round(c["tokens"] / 1e9, 2) for name, c in planned.ledger["components"].items()}
    assert drawn == {"lcc": 274.80, "scc": 353.60, "domain": 127.36, "code": 244.24}
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["hash"] == planned.plan


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('and kept"}', 'and keptt"}', r"own.yaml: component 'help': .*'keptt'.*did you mean 'kept'"),
        ('and kept"}', 'and kept; DROP TABLE runs"}', "own.yaml: component 'help'"),
        ("{where: \"source = 'help' and kept\"}", "{source: hlep}", r"source 'hlep'.*did you mean 'help'.*mirror"),
        ("{where: \"source = 'help' and kept\"}", "{domain: tables}", r"domain 'tables'.*there are: help, mirror"),
        ("tokens: 128K", "tokens: 1B", r"own.yaml: .*pairs"),
        ("seed: 5", "tokenizer: other.json", r"other.json"),
        ("seed: 5", "tokeniser: bytes", r"own.yaml:6: .*'tokeniser'.*did you mean 'tokenizer'"),
    ],
)
def test_impossible_mixtures_are_refused_with_their_file(
    project: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    spec = tmp_path / "own.yaml"
    spec.write_text(MIXTURE.replace(old, new))
    with pytest.raises(SpecError, match=message):
        plan_mixture(read_project(project), spec)


def test_a_mixture_in_another_tokenizer_is_refused(project: Path, tmp_path: Path, tiny_tokenizer: Path) -> None:
    spec = tmp_path / "own.yaml"
    spec.write_text(MIXTURE.replace("seed: 5", f"tokenizer: {tiny_tokenizer}"))
    with pytest.raises(SpecError, match=r"own.yaml: .*tokenizer.json, but the project has measured with bytes; set"):
        plan_mixture(read_project(project), spec)


def test_an_unknown_mixture_names_the_nearest(project: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'spark-joy-20'"):
        mixture_file(project, Path("spark-joi-20"))


@pytest.fixture(scope="module")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")


def train_tokenizer(path: Path) -> Path:
    """Train a byte-level BPE of 500 ids on the help topics."""
    from pydoc_data.topics import topics

    from tokenizers import ByteLevelBPETokenizer

    tokenizer: Any = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(list(topics.values())[:20], vocab_size=500, show_progress=False)
    tokenizer.save(str(path))
    return path
