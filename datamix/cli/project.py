"""`datamix init`, `datamix demo` and `datamix check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, progress, say, table
from datamix.cli.run import EngineOption, WorkersOption, run_options, show_summary


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The new project's folder.")] = Path(),
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="PATH", help="Input files or globs, seen from DIR; repeatable."),
    ] = None,
) -> None:
    """Write a datamix.yaml to start from, with every key explained.

    Examples:

    - `datamix init my-corpus`
    - `datamix init . --data 'data/web/*.parquet' --data data/books.jsonl.zst`
    """
    from datamix.pipeline.scaffold import write_scaffold

    file = write_scaffold(folder, data or [])
    say(f"{file} is written; edit `sources:`, then: datamix check -C {folder}; datamix run -C {folder}")


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the demo's project goes.")] = Path(
        "datamix-demo"
    ),
    engine: EngineOption = "ray",
    workers: WorkersOption = None,
) -> None:
    """See the whole job on real text that this machine already has, from raw files to a training mixture.

    A second call goes on from what is there.

    Examples:

    - `datamix demo`
    - `datamix demo /tmp/try --engine local`
    """
    from datamix.cli.mix import show_ledger
    from datamix.pipeline.demo import write_project
    from datamix.pipeline.mix import plan_mixture
    from datamix.pipeline.run import run as run_project

    if write_project(folder):
        say(f"Wrote a project with this machine's Python text to {folder}/ (datamix.yaml, data/, mixtures/)\n")
    else:
        say(f"{folder}/datamix.yaml is there already: going on from it\n")
    file = open_project(folder)
    with progress() as view:
        summary = run_project(file, run_options(engine, workers, None, command="demo"), view)
    show_summary(summary, file.store_folder)
    planned = plan_mixture(file, folder / "mixtures" / "demo.yaml")
    say()
    show_ledger(planned.ledger)
    say("Where everything lies")
    for what, where in (
        ("project", file.root / "datamix.yaml"),
        ("mixture", folder / "mixtures" / "demo.yaml"),
        ("catalog", file.store_folder / "catalog.duckdb"),
        ("plan", planned.folder),
    ):
        say(f"  {what:<8} {where}")
    say("\nTry next")
    for command in (
        f"datamix sql -C {folder} --query drop-reasons",
        f"datamix sql -C {folder} --query largest-clusters",
        f"datamix why -C {folder} --id pip/description",
        f"datamix mix emit -C {folder} {planned.plan[:12]} --format jsonl --out {folder}/emitted",
        f"datamix run -C {folder}   # after a new threshold in its datamix.yaml: seconds, reads no text",
    ):
        say(f"  {command}")


def check(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Check the project file, its models, filter packs with their examples, mixtures and SQL, before a run.

    Warns of rules that drop nothing or everything, where a run has measured documents already. Exits with 1 on errors.

    Examples:

    - `datamix check`
    - `datamix check -C my-corpus --json`
    """
    from datamix.pipeline.check import check_project

    findings = check_project(open_project(project))
    if as_json:
        emit_json([vars(finding) for finding in findings])
    elif findings:
        table(
            None,
            ["severity", "pack", "rule", "message"],
            [[finding.severity, finding.pack, finding.rule, finding.message] for finding in findings],
        )
    errors = sum(finding.severity == "error" for finding in findings)
    if not as_json:
        warnings = sum(finding.severity == "warning" for finding in findings)
        say(f"{errors} errors, {warnings} warnings")
    if errors:
        raise typer.Exit(1)
