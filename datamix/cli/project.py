"""`datamix init`, `datamix demo` and `datamix check`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, progress, say, table
from datamix.cli.run import EngineOption, WorkersOption, run_options, show_summary


def init(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="[DIR]", help="The new project's folder. Default: where you stand.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="PATH", help="Input files or globs, seen from where you stand; repeatable."),
    ] = None,
) -> None:
    """Write a datamix.yaml to start from, with every key explained.

    Each --data becomes a source. Paths are written as DIR sees them; those outside of DIR become absolute.

    Examples:

    - `datamix init my-corpus`
    - `datamix init my-corpus --data 'my-corpus/data/*.jsonl'`
    - `datamix init --data 'data/web/*.parquet' --data data/books.jsonl.zst`
    - `datamix init my-corpus --data data/*.jsonl` (without quotes: the files that are there now, as one source)
    """
    from rich.markup import escape

    from datamix.pipeline.scaffold import missing_inputs, write_scaffold

    named = places or []
    first = named[:1] if named and not Path(named[0]).is_file() else []  # else the shell's: a file of a bare glob
    folder = Path(*first)
    file = write_scaffold(folder, data or [], named[len(first) :])
    for missing in missing_inputs(open_project(folder)):
        say(f"[yellow]warning[/yellow]: {escape(missing)}")
    place = escape(shlex.quote(str(folder)))
    say(f"Wrote {escape(str(file))} and mixtures/first.yaml. Look at `sources:`, then:")
    say(f"datamix check -C {place}\ndatamix run -C {place}\ndatamix mix plan -C {place} first")


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
    from rich.markup import escape

    from datamix.cli.mix import show_ledger
    from datamix.pipeline.demo import largest_clusters, next_commands, write_project
    from datamix.pipeline.mix import plan_mixture
    from datamix.pipeline.run import run as run_project

    options = run_options(engine, workers, None, command="demo")
    with progress() as view:
        written = write_project(folder, view)
        file = open_project(folder)
        summary = run_project(file, options, view)
    planned = plan_mixture(file, folder / "mixtures" / "demo.yaml")
    say(
        f"Made a project of this machine's own Python text in {escape(str(folder))}/"
        if written
        else f"Went on from the project that stands in {escape(str(folder))}/"
    )
    say()
    show_summary(summary, file.store_folder)
    clusters = largest_clusters(file)
    say()
    table("Largest clusters of duplicates", clusters.column_names, [list(row.values()) for row in clusters.to_pylist()])
    show_ledger(planned.ledger)
    say()
    table(
        "Where everything lies",
        ["what", "where"],
        [
            ["sources, filters", file.root / "datamix.yaml"],
            ["raw text", file.root / "data"],
            ["mixture", folder / "mixtures" / "demo.yaml"],
            ["catalog (DuckDB)", file.store_folder / "catalog.duckdb"],
            ["measurements", file.store_folder / "signals"],
            ["plan", planned.folder],
        ],
    )
    say("[bold]Try next[/bold]")
    for step in next_commands(file, options.engine):
        say(f"\n[dim]# {step.answers}[/dim]\n{escape(step.command)}")


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
