"""The command line as a user meets it: help, exit codes, one-line errors, JSON, tables, pipes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest

from datamix import __version__
from datamix.cli import build_app, execute
from tests.finished import finished_project
from tests.pipeline.conftest import PROJECT

Capture = pytest.CaptureFixture[str]

CHECKOUT = Path(__file__).parents[2]
HEAVY = ("ray", "numba", "polars", "pyarrow", "duckdb", "tokenizers", "fasttext", "numpy")
APP = build_app()
COMMANDS = [(command.callback.__name__,) for command in APP.registered_commands if command.callback] + [
    (str(group.name), str(command.name or getattr(command.callback, "__name__", "")))
    for group in APP.registered_groups
    if group.typer_instance
    for command in group.typer_instance.registered_commands
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ask_json(capsys: Capture, *arguments: str) -> Any:
    """Run a command that answers in JSON: one document on stdout, and nothing else anywhere."""
    assert execute([*arguments, "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return json.loads(told.out)


@pytest.mark.parametrize("arguments", [(), ("run",), ("mix", "plan"), ("why",)])
def test_help_takes_half_a_second(arguments: tuple[str, ...]) -> None:
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = start("-m", "datamix", *arguments, "--help")
        out, _ = process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Of the processor, not of the clock: other work on the machine does not count.
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert process.returncode == 0
        assert "Usage: datamix" in out
    assert min(seconds) < 0.8


def test_no_help_imports_a_heavy_library() -> None:
    script = (
        "import sys\nfrom datamix.cli import execute\n"
        f"codes = [execute([*command, '--help']) for command in {[(), *COMMANDS]!r}]\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.stderr.write(f'{set(codes)} {heavy}')\n"
    )
    _, err = start("-c", script).communicate()
    assert err == "{0} []"


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
def test_help_teaches_by_example(command: tuple[str, ...], capsys: Capture) -> None:
    assert execute([*command, "--help"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"Examples?:", told)
    assert told.count(f"datamix {' '.join(command)}") >= 2  # in the usage, and in an example


def test_the_version_is_told(capsys: Capture) -> None:
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out == f"datamix {__version__}\n"


def test_the_commands_of_the_contract_are_there() -> None:
    wanted = "init demo run status check sql why train mix_plan mix_emit jobs_submit schedule_list schedule_tick"
    found = {"_".join(command) for command in COMMANDS}
    assert {*wanted.split(), "catalog_rebuild"} <= found


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nope"], 2, r"No such command 'nope'.*; see `datamix --help`"),
        (["run", "--nope"], 2, r"No such option: --nope; see `datamix run --help`"),
        (["run", "--workers", "0"], 2, r"'--workers'.*; see `datamix run --help`"),
        (["mix", "plan"], 2, r"Missing argument 'SPEC'; see `datamix mix plan --help`"),
        (["run", "--engine", "nonsense"], 2, r"--engine: 'nonsense' is no engine; there are ray and local"),
        (["run", "--sample", "0"], 2, r"--sample: a sample of nothing measures nothing; write a share like 1%"),
        (["run", "--sample", "many"], 2, r"--sample: 'many' is not a share"),
        (["run", "-C", "/nowhere"], 2, r"no datamix.yaml in /nowhere; write one with `datamix init`"),
        (["sql", "--query", "drop-reason"], 2, r"no 'drop-reason' in catalog/queries/.*did you mean 'drop-reasons'"),
        (["sql", "--query", "runs", "SELECT 1"], 2, r"a statement or --query NAME, not both"),
        (["sql", "--json", "--csv", "SELECT 1"], 2, r"as --json or as --csv, not both"),
        (["sql", "SELEC 1"], 1, r"Parser Error: syntax error at or near \"SELEC\""),
        (["sql", "SELECT nothing FROM documents"], 1, r"Binder Error: Referenced column \"nothing\" not found"),
        (["sql", "FROM docments"], 1, r"no view 'docments'; did you mean 'documents'"),
        (["sql", "DROP VIEW documents"], 1, r"the catalog is read-only"),
        (["sql", "COPY (SELECT 1) TO 'x.csv'"], 1, r"the catalog is read-only"),
        (["sql", "SELECT 1; SELECT 2"], 1, r"expected one SQL statement, found 2"),
        (["why"], 2, r"name the document in one way: a doc_id, --id, --url or --text FILE"),
        (["why", "--id", "nobody"], 1, r"no document fits 'nobody'"),
        (["mix", "plan", "tinny"], 2, r"no 'tinny' in mixtures/.*did you mean 'tiny'"),
        (["mix", "emit", "tinny", "--out", "x", "--engine", "local"], 2, r"no plan 'tinny'; did you mean 'tiny'"),
        (["init", "."], 2, r"datamix.yaml is there already; edit it, or name another folder"),
    ],
)
def test_errors_are_one_line_with_a_way_out(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(project)
    assert execute(arguments) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(rf"datamix: .*{message}.*\n", told.err)


def test_a_project_that_was_not_run_says_what_to_do(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "datamix.yaml").write_text(PROJECT)
    for arguments in (["status"], ["sql", "SELECT 1"], ["why", "aa"], ["catalog", "rebuild"]):
        assert execute([*arguments, "-C", str(tmp_path)]) == 1
        assert re.fullmatch(r"datamix: there is no store in .* yet; `datamix run` makes it\n", capsys.readouterr().err)


def test_a_file_that_can_not_be_written_is_no_traceback(capsys: Capture) -> None:
    assert execute(["init", "/proc/no-such-place"]) == 1
    assert re.fullmatch(r"datamix: can't write /proc/no-such-place.*: .+\n", capsys.readouterr().err)


def test_json_is_one_document_and_nothing_else(project: Path, capsys: Capture, tmp_path: Path) -> None:
    where = ["-C", str(project)]
    status = ask_json(capsys, "status", *where)
    assert list(status) == ["store", "runs", "sources", "plans", "would_do"]
    assert status["would_do"]["shards_to_measure"] == 0
    assert [source["source"] for source in status["sources"]] == ["help", "mirror", "tables"]
    assert all(set(finding) == {"pack", "rule", "message", "severity"} for finding in ask_json(capsys, "check", *where))
    plan = ask_json(capsys, "mix", "plan", "tiny", *where, "--out", str(tmp_path))
    assert plan["plan"] == json.loads((tmp_path / "plan.json").read_text())["hash"]
    assert ask_json(capsys, "run", "--dry-run", *where)["shards_to_measure"] == 0
    (story,) = ask_json(capsys, "why", "--id", "assert", *where)
    assert list(story) == ["document", "head", "signals", "decisions", "twin", "uses"]
    assert ask_json(capsys, "catalog", "rebuild", *where)["catalog"] == str(project / "store" / "catalog.duckdb")
    assert ask_json(capsys, "jobs", "list", *where) == []
    assert ask_json(capsys, "schedule", "list", *where) == []


def test_run_json_has_the_keys_of_the_contract(tmp_path: Path, capsys: Capture) -> None:
    lines = [json.dumps({"text": text}) for text in topics.values()]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, lines[0], "{"]))
    (tmp_path / "datamix.yaml").write_text("version: 1\nsources: [{name: a, path: a.jsonl}]\nfilters: [c4]\n")
    options = ["-C", str(tmp_path), "--engine", "local", "--workers", "1"]
    sample = ask_json(capsys, "run", "--sample", "20%", *options)
    assert 0 < sample["documents"] < len(topics)
    (tmp_path / "m.yaml").write_text(
        "version: 1\nname: m\ntokens: 1K\nsequence_length: 100\ncomponents: {a: {source: a}}\n"
        "phases: [{name: only, weights: {a: 1}}]\n"
    )
    assert execute(["mix", "plan", str(tmp_path / "m.yaml"), "-C", str(tmp_path)]) == 1
    assert "`datamix run` without --sample first" in capsys.readouterr().err
    summary = ask_json(capsys, "run", *options)
    keys = ["documents", "kept", "dropped", "quarantined", "duplicates", "bytes", "tokens", "seconds"]
    assert {*keys, "shards_measured"} <= set(summary)
    assert summary["quarantined"] == 1
    assert summary["documents"] == len(lines) + 2
    assert summary["documents"] == summary["kept"] + sum(summary["dropped"].values()) + summary["quarantined"]
    assert set(summary["duplicates"]) == {"exact", "near"}
    assert ask_json(capsys, "run", *options)["shards_measured"] == 0


def test_a_run_tells_of_every_source_and_of_what_was_quarantined(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in topics.values()))
    (tmp_path / "b.jsonl").write_text('{"body": "a"}\n{"body": "b"}\n{\n')
    sources = "[{name: a, path: a.jsonl}, {name: b, path: b.jsonl}]"
    (tmp_path / "datamix.yaml").write_text(f"version: 1\nsources: {sources}\ndedup: {{near: false}}\n")
    assert execute(["run", "-C", str(tmp_path), "--engine", "local", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^ b +3 +0 +0.0% +0 +3 *$", told, re.MULTILINE)
    assert "b: 3 quarantined, mostly text_missing: `datamix sql --query quarantine` shows where" in told
    assert "a: " not in told


def test_a_trillion_tokens_are_planned_outside_any_project(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = ask_json(capsys, "mix", "plan", "spark-joy-20", "--stock", "spark-joy.stock.yaml")
    drawn = {name: f"{c['tokens'] / 1e9:.2f}B" for name, c in plan["components"].items()}
    assert drawn == {"lcc": "274.80B", "scc": "353.60B", "domain": "127.36B", "code": "244.24B"}
    assert list(tmp_path.iterdir()) == []


VALUES = (
    "SELECT 1234567 AS n, 0.123456 AS f, NULL AS nothing, [1, 2] AS list, true AS yes, 'a,\"b\"' AS text, "
    "sum(x) AS total, DATE '2020-01-02' AS day, repeat('long ', 100) AS long, chr(27) || '[31m' || chr(10) AS control, "
    "INTERVAL 36 HOUR AS wait, '\\xAA'::BLOB AS blob FROM range(10) AS r(x)"
)


def test_sql_as_a_table(project: Path, capsys: Capture) -> None:
    assert execute(["sql", VALUES, "-C", str(project)]) == 0
    told = capsys.readouterr().out
    for cell in ("1,234,567", "0.1235", " - ", "1, 2", "yes", 'a,"b"', " 45 ", "2020-01-02", "long " * 100, "�[31m\\n"):
        assert cell in told
    assert "\x1b" not in told
    assert len(told.splitlines()) == 5


def test_tables_show_texts_as_they_are(project: Path, capsys: Capture) -> None:
    assert execute(["sql", "SELECT ':x: [red]a[/red] [/b] \\' AS \":x:[b]\"", "-C", str(project)]) == 0
    header, _, row, *_ = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert (header, row) == (":x:[b]", ":x: [red]a[/red] [/b] \\")


def test_sql_as_json_and_csv(project: Path, capsys: Capture) -> None:
    (row,) = ask_json(capsys, "sql", VALUES, "-C", str(project))
    assert (row["n"], row["nothing"], row["list"], row["yes"], row["total"]) == (1234567, None, [1, 2], True, 45)
    assert (row["day"], row["text"], row["control"], row["blob"]) == ("2020-01-02", 'a,"b"', "\x1b[31m\n", "aa")
    assert execute(["sql", "--csv", VALUES, "-C", str(project)]) == 0
    header, cells = csv.reader(io.StringIO(capsys.readouterr().out))
    record = dict(zip(header, cells, strict=True))
    assert (record["n"], record["nothing"], record["list"], record["yes"]) == ("1234567", "", "[1, 2]", "true")
    assert (record["total"], record["text"], record["control"]) == ("45", 'a,"b"', "\x1b[31m\n")


def test_sql_from_stdin_and_by_name(project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) AS documents FROM documents"))
    ((documents,),) = (row.values() for row in ask_json(capsys, "sql", "-", "-C", str(project)))
    rows = ask_json(capsys, "sql", "--query", "tokens-by-domain", "-C", str(project))
    assert sum(row["documents"] for row in rows) == documents


def test_sql_from_stdin_in_another_encoding(project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"SELECT '\xe9'"), "utf-8"))
    assert execute(["sql", "-", "-C", str(project)]) == 2
    assert capsys.readouterr().err == "datamix: the statement on stdin is not UTF-8 at byte 8\n"


def test_brackets_in_paths_are_no_markup(tmp_path: Path, capsys: Capture) -> None:
    assert execute(["init", str(tmp_path / "[red]corpus[/red]")]) == 0
    assert "[red]corpus[/red]/datamix.yaml" in capsys.readouterr().out


def test_an_ambiguous_doc_id_lists_what_it_may_mean(project: Path, capsys: Capture) -> None:
    assert execute(["why", "0", "-C", str(project)]) == 2
    told = capsys.readouterr()
    assert told.err == "datamix: several doc_ids begin with '0'; give more digits\n"
    assert re.search(r"^ doc_id +source +id +head", told.out, re.MULTILINE)
    assert "Measured" not in told.out
    assert execute(["why", "0", "-C", str(project), "--json"]) == 2
    assert all(candidate["doc_id"].startswith("0") for candidate in json.loads(capsys.readouterr().out))


def test_a_model_is_not_trained_under_a_name_that_no_score_can_have(capsys: Capture) -> None:
    arguments = ["--data", "none.csv", "--label-column", "grade", "--out", "x.ftz"]
    assert execute(["train", "my-score", *arguments]) == 2
    assert "'my-score' can't be the name of a score" in capsys.readouterr().err


def test_sql_alone_lists_views_and_queries(project: Path, capsys: Capture) -> None:
    assert execute(["sql", "-C", str(project)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"documents +doc_id, id, source, domain", told)
    assert re.search(r"slowest-stages +Where the last run that measured something spent its time", told)
    listed = ask_json(capsys, "sql", "-C", str(project))
    assert listed["views"]["documents"][:2] == ["doc_id", "id"]
    assert listed["queries"]["runs"].startswith("The last twenty runs")


def test_wide_rows_stand_one_below_the_other_on_a_terminal(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert execute(["sql", "SELECT * FROM documents WHERE id = 'assert'", "-C", str(project)]) == 0
    told = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert re.search(r"^ +1 +id +assert *$", told, re.MULTILINE)


@pytest.mark.parametrize("options", [[], ["--csv"], ["--json"]])
def test_a_reader_that_has_enough_is_no_error(project: Path, options: list[str]) -> None:
    many = "SELECT repeat('x', 100) AS text FROM range(20000)"
    with start("-m", "datamix", "sql", many, *options, "-C", str(project)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode in (0, 1)


def test_an_interrupted_run_says_so_and_goes_on_later(tmp_path: Path, capsys: Capture) -> None:
    lines = "".join(json.dumps({"text": f"{i} {text}"}) + "\n" for i in range(25) for text in topics.values())
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "datamix.yaml").write_text("version: 1\nsources: [{name: a, path: a.jsonl}]\n")
    options = ["--engine", "local", "--workers", "2"]
    process = start("-m", "datamix", "run", "-C", str(tmp_path), *options)
    began = time.monotonic()
    while not list(tmp_path.glob("store/journal/runs/*.json")):
        assert time.monotonic() - began < 60
        time.sleep(0.02)
    time.sleep(0.5)  # past the entry, into the stages
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "datamix: interrupted; what was committed is kept, run again to go on\n"
    (journal,) = tmp_path.glob("store/journal/runs/*.json")
    assert '"interrupted"' in journal.read_text()
    assert execute(["run", "-C", str(tmp_path), "--dry-run"]) == 0
    assert "a" in capsys.readouterr().out
