"""`datamix run` and `datamix status`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, progress, say, table

if TYPE_CHECKING:
    from datamix.pipeline.report import Summary
    from datamix.pipeline.run import RunOptions
    from datamix.spec.project import ProjectFile

EngineOption = Annotated[str, typer.Option("--engine", help="`ray` (local, or RAY_ADDRESS) or `local` (processes).")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Tasks at once. Default: all processors.")]


def run(
    project: ProjectFolder = Path(),
    engine: EngineOption = "ray",
    workers: WorkersOption = None,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="SHARE", help="Measure a keyed sample first, like 1%.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, measured and written; do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what is missing, find duplicates, decide what is kept, publish the catalog.

    Only new or changed input is read. A new threshold reads no text; a killed run goes on where it was.

    Examples:

    - `datamix run` brings the store up to datamix.yaml
    - `datamix run --dry-run` says first what that means
    - `datamix run --sample 1%` looks at one document in a hundred; the full run reuses it
    - `datamix run --engine local --workers 1` debugs in one process, without Ray
    - `datamix run --json | jq .dropped`
    """
    from datamix.pipeline.run import run as run_project

    file = open_project(project)
    options = run_options(engine, workers, sample)
    if dry_run:
        _dry_run(file, options, as_json)
        return
    with progress() as view:
        summary = run_project(file, options, view)
    if as_json:
        emit_json(summary.to_json())
    else:
        show_summary(summary, file.store_folder)


def run_options(engine: str, workers: int | None, sample: str | None, command: str = "run") -> RunOptions:
    """Check what the command line says of a run."""
    from datamix.errors import SpecError
    from datamix.pipeline.run import RunOptions
    from datamix.spec.units import parse_share

    if engine not in ("ray", "local"):
        raise SpecError(f"--engine: {engine!r} is no engine; there are ray and local")
    share: Fraction | None = None
    if sample is not None:
        try:
            share = parse_share(sample)
        except ValueError as error:
            raise SpecError(f"--sample: {error}") from None
        if share == 0:
            raise SpecError("--sample: a sample of nothing measures nothing; write a share like 1%")
        if share == 1:
            share = None
    return RunOptions("ray" if engine == "ray" else "local", workers, share, command=command)


def _dry_run(file: ProjectFile, options: RunOptions, as_json: bool) -> None:
    from rich.markup import escape

    from datamix.pipeline.preview import preview
    from datamix.spec.units import format_bytes

    report = preview(file, options)
    if as_json:
        emit_json(report)
        return
    rows = [
        [
            entry["source"], entry["files"], entry["shards"], entry["shards_to_measure"],
            format_bytes(entry["bytes_to_read"]), ", ".join(entry["families"]) or "nothing",
        ]
        for entry in report["sources"]
    ]  # fmt: skip
    table("What a run would do", ["source", "files", "shards", "to measure", "to read", "families"], rows)
    say(f"{report['parts_to_write']:,} parts would be written to {escape(report['store'])}.")
    if report["vanished_shards"]:
        say(f"{report['vanished_shards']:,} measured shards have no input any more; they would be left out.")
    if not report["shards_to_measure"]:
        say("Nothing is to be measured: duplicates and filters would be decided from what is there.")


def show_summary(summary: Summary, store: Path) -> None:
    """Print what a run came to."""
    from rich.markup import escape

    from datamix.spec.units import format_bytes, format_count

    counts = summary.counts
    dropped = sum(counts.dropped.values())
    of = f" (a sample of {summary.sample})" if summary.sample else ""
    say(
        f"[bold]{counts.documents + summary.quarantined:,} documents[/bold]{of} = {counts.kept:,} kept + {dropped:,} "
        f"dropped + {summary.quarantined:,} quarantined; {format_bytes(counts.bytes)} of text, "
        f"{format_count(counts.tokens)} tokens, {format_count(counts.tokens_kept)} kept"
    )
    rows: list[list[Any]] = []
    for source, refused in summary.quarantine.items():
        own = counts.by_source.get(source)
        read, kept, tokens = (own.documents, own.kept, own.tokens_kept) if own is not None else (0, 0, 0)
        main = ", ".join(f"{reason} {n:,}" for reason, n in list(own.dropped.items())[:3]) if own is not None else ""
        total = read + sum(refused.values())
        rows.append([source, total, kept, f"{kept / max(total, 1):.1%}", tokens, sum(refused.values()), main])
    columns = ["source", "documents", "kept", "share", "tokens kept", "quarantined", "dropped mostly for"]
    table("By source", columns, rows)
    for source, refused in summary.quarantine.items():
        if refused:
            mostly, total = next(iter(refused)), sum(refused.values())
            say(
                f"[yellow]{source}: {total:,} quarantined[/yellow], {'mostly ' if len(refused) > 1 else ''}{mostly}: "
                "`datamix sql --query quarantine` shows where"
            )
    reasons = [[reason, n, f"{n / max(counts.documents, 1):.1%}"] for reason, n in counts.dropped.items()]
    if reasons:
        table("Dropped, by first reason", ["reason", "documents", "share"], reasons)
    say(f"{counts.clusters:,} clusters of duplicates with two members or more")
    measured = f"{summary.shards_measured:,} shards measured" if summary.shards_measured else "nothing measured anew"
    say(f"{measured}; {summary.seconds:.1f} s; catalog: {escape(str(store / 'catalog.duckdb'))}")


def status(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Say where the store stands: last run, documents by source, what a run would do now.

    Examples:

    - `datamix status`
    - `datamix status --json | jq .runs`
    """
    from rich.markup import escape

    from datamix.catalog.query import query
    from datamix.spec.units import format_bytes
    from datamix.storage.store import Store

    file = open_project(project)
    store = Store.open(file.store_folder)
    catalog = store.catalog_file
    runs = query(
        catalog,
        "SELECT run_id, status, started, seconds, documents, kept, quarantined, shards_measured, sample, error "
        "FROM runs ORDER BY run_id DESC LIMIT 5",
    ).to_pylist()
    sources = query(
        catalog,
        "SELECT s.source, s.domain, s.files, s.shards, s.documents + s.quarantined AS documents, s.quarantined, "
        "d.kept, d.tokens_kept FROM sources s LEFT JOIN (SELECT source, count(*) FILTER (WHERE kept) AS kept, "
        "coalesce(sum(tokens) FILTER (WHERE kept), 0)::BIGINT AS tokens_kept FROM documents GROUP BY source) d "
        "USING (source) ORDER BY s.source",
    ).to_pylist()
    plans = query(catalog, "SELECT plan, mixture, tokens, created FROM plans ORDER BY created DESC LIMIT 5").to_pylist()
    todo = _would_do(file)
    if as_json:
        emit_json({"store": str(store.folder), "runs": runs, "sources": sources, "plans": plans, "would_do": todo})
        return
    say(f"[bold]Store[/bold] {escape(str(store.folder))}")
    table("Last runs", list(runs[0]), [list(row.values()) for row in runs])
    table("Sources", list(sources[0]), [list(row.values()) for row in sources])
    if plans:
        table("Plans", list(plans[0]), [list(row.values()) for row in plans])
    if "error" in todo:
        say(f"A run would fail: {escape(todo['error'])}")
    elif todo["shards_to_measure"]:
        size = format_bytes(todo["bytes_to_read"])
        say(f"A run would measure {todo['shards_to_measure']:,} shards, {size} of input")
    else:
        say("A run would measure nothing: everything is up to date, thresholds apart")


def _would_do(file: ProjectFile) -> dict[str, Any]:
    """Return what a run would do now, or why it can't be said."""
    from datamix.errors import DatamixError
    from datamix.pipeline.preview import preview
    from datamix.pipeline.run import RunOptions

    try:
        return preview(file, RunOptions())
    except DatamixError as error:
        return {"error": str(error)}
