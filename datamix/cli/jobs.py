"""`datamix jobs` and `datamix schedule`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, progress, say, table

if TYPE_CHECKING:
    from datamix.jobs.book import Job

jobs_app = typer.Typer(help="Runs on a Ray cluster: submit, list, refresh.", no_args_is_help=True)
schedule_app = typer.Typer(help="Schedules: list them, submit what is due.", no_args_is_help=True)

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="The cluster. Default: RAY_API_SERVER_ADDRESS, RAY_ADDRESS, or http://127.0.0.1:8265.",
    ),
]


@jobs_app.command()
def submit(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- RUN ARGS]", help="Further arguments of `datamix run`.")
    ] = None,
    project: ProjectFolder = Path(),
    address: Address = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it ends; exit code 1 unless it succeeded.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send `datamix run` to a Ray cluster that sees this machine's files, and record what became of it.

    The token is Ray's own: `~/.ray/auth_token`, or what RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN say.

    Examples:

    - `ray start --head` and then `datamix jobs submit` on one machine
    - `datamix jobs submit --address http://head:8265 --wait`
    - `datamix jobs submit -- --sample 1%`
    - `datamix sql "SELECT job, status, exit_code, log_tail FROM jobs"`
    """
    from datamix.jobs import submit as jobs
    from datamix.jobs.cluster import cluster_address

    file = open_project(project)
    job = jobs.submit_run(file, cluster_address(address), arguments or [])
    if wait:
        with progress() as view:
            job = jobs.wait(file, job, lambda job: view.stage(f"{job.job} {job.status}", None))
    if as_json:
        emit_json(job.to_json())
    else:
        _tell(job)
    if wait and job.status != "succeeded":
        raise typer.Exit(1)


@jobs_app.command(name="list")
def list_jobs(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """List the jobs of this store, the latest first, as they were last seen.

    Examples:

    - `datamix jobs list`
    - `datamix jobs list --json | jq '.[0].log_tail'`
    """
    from datamix.jobs.book import JobBook
    from datamix.storage.store import Store

    found = JobBook(Store.open(open_project(project).store_folder)).jobs()
    if as_json:
        emit_json([job.to_json() for job in found])
    else:
        _table("Jobs", found)


@jobs_app.command()
def refresh(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Ask the clusters about the jobs that may still run; list those whose status changed.

    Examples:

    - `datamix jobs refresh && datamix jobs list`
    """
    from datamix.jobs.submit import refresh_jobs

    changed, silent = refresh_jobs(open_project(project))
    if as_json:
        emit_json({"changed": [job.to_json() for job in changed], "silent": silent})
        return
    _table("Changed", changed)
    _warn(silent)


@schedule_app.command(name="list")
def list_schedules(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """List the schedules of datamix.yaml: when each is due next (UTC), and what became of its last job.

    Examples:

    - `datamix schedule list`
    - `datamix schedule list --json | jq '.[].next_due'`
    """
    from datamix.jobs.tick import schedule_rows

    rows = schedule_rows(open_project(project), datetime.now(UTC))
    if as_json:
        emit_json(rows)
        return
    columns = ["schedule", "cron", "timezone", "next_due", "first_seen", "last_due", "last_job", "status"]
    table("Schedules (times in UTC)", columns, [[_cell(value) for value in row.values()] for row in rows])


@schedule_app.command()
def tick(
    project: ProjectFolder = Path(),
    address: Address = None,
    now: Annotated[
        str | None, typer.Option("--now", metavar="TIME", help="Go by this past time, ISO 8601; UTC without offset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Submit what is due and was not submitted yet. Call it as often as you like, from cron or a systemd timer.

    Of several due times only the latest is run; the others are recorded as missed. What was due before a schedule was
    first seen by a tick is never run. A fixed time that a clock change skips or repeats is due once.

    Examples:

    - `datamix schedule tick -C /srv/corpus`
    - `* * * * * /srv/venv/bin/datamix schedule tick -C /srv/corpus` in crontab
    - `datamix schedule tick --now 2026-03-29T03:00+02:00`
    """
    from datamix.jobs.cluster import cluster_address
    from datamix.jobs.tick import tick as tick_schedules

    moment = datetime.now(UTC) if now is None else _parse_time(now)
    report = tick_schedules(open_project(project), cluster_address(address), moment)
    if as_json:
        emit_json(report.to_json())
        return
    for name in report.first_seen:
        say(f"schedule {name} was seen for the first time as it is now; it is due from {moment:%Y-%m-%d %H:%M:%SZ} on")
    for title, jobs in (("Submitted", report.submitted), ("Missed", report.missed), ("Changed", report.refreshed)):
        if jobs:
            _table(title, jobs)
    if not (report.submitted or report.missed):
        say("nothing is due")
    _warn(report.silent)


def _parse_time(text: str) -> datetime:
    from datamix.errors import SpecError

    try:
        moment = datetime.fromisoformat(text)
        aware = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SpecError(f"--now: {text!r} is no time; write one like 2026-03-29T03:00+02:00") from None
    if aware > datetime.now(UTC):
        raise SpecError(
            f"--now: {text} is still to come; the times until then would be recorded as missed. "
            "`datamix schedule list` shows when each schedule is due next"
        )
    return aware


def _tell(job: Job) -> None:
    from rich.markup import escape

    exit_code = "" if job.exit_code is None else f", exit code {job.exit_code}"
    say(f"[bold]{job.job}[/bold] at {escape(str(job.address))}: {job.status}{exit_code}")
    if job.open:
        say("`datamix jobs refresh` and `datamix jobs list` show what becomes of it")
    if job.message and job.status != "succeeded":
        say(escape(job.message))
    if job.log_tail:
        say(f"[dim]{escape(job.log_tail)}[/dim]")


def _table(title: str, jobs: list[Job] | tuple[Job, ...]) -> None:
    columns = ["job", "status", "exit code", "schedule", "due", "submitted", "ended", "message"]
    table(
        title,
        columns,
        [
            [
                job.job, job.status, job.exit_code, job.schedule, _cell(job.due), _cell(job.submitted),
                _cell(job.ended), job.message,
            ]
            for job in jobs
        ],
    )  # fmt: skip


def _cell(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value


def _warn(sentences: list[str] | tuple[str, ...]) -> None:
    for sentence in sentences:
        typer.echo(f"datamix: {sentence}", err=True)
