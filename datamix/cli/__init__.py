"""The command line: each command parses, calls, prints. Heavy libraries are imported where they are used."""

from __future__ import annotations

import sys

import typer

from datamix.errors import DatamixError

__all__ = ["main"]

INTERRUPTED = 130


def build_app() -> typer.Typer:
    """Return the whole command line."""
    from datamix.cli import catalog, jobs, mix, project, query, run, train

    app = typer.Typer(
        name="datamix",
        help="From raw text to the training mixture of a language model, with every choice explained.\n\n"
        "Start with: datamix demo",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(project.init)
    app.command()(project.demo)
    app.command()(run.run)
    app.command()(run.status)
    app.command()(project.check)
    app.command()(query.sql)
    app.command()(query.why)
    app.command()(train.train)
    app.add_typer(mix.app, name="mix")
    app.add_typer(jobs.jobs_app, name="jobs")
    app.add_typer(jobs.schedule_app, name="schedule")
    app.add_typer(catalog.app, name="catalog")
    return app


def main() -> None:
    """Run the command line; exit code 0 done, 1 failed, 2 usage or spec, 130 interrupted."""
    try:
        build_app()(prog_name="datamix")
    except DatamixError as error:
        sys.stderr.write(f"datamix: {error}\n")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.stderr.write("datamix: interrupted; what was committed is kept, run again to go on\n")
        raise
