"""The command line: each command parses, calls, prints. Heavy libraries are imported where they are used."""

from __future__ import annotations

import sys

import typer

from datamix.errors import DatamixError

__all__ = ["main"]

INTERRUPTED = 130


def build_app() -> typer.Typer:
    """Return the whole command line."""
    from datamix.cli.catalog import app as catalog_app
    from datamix.cli.jobs import jobs_app, schedule_app
    from datamix.cli.mix import app as mix_app
    from datamix.cli.project import check, demo, init
    from datamix.cli.query import sql, why
    from datamix.cli.run import run, status
    from datamix.cli.train import train

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
    for command in (init, demo, run, status, check, sql, why, train):
        app.command()(command)
    for name, group in (("mix", mix_app), ("jobs", jobs_app), ("schedule", schedule_app), ("catalog", catalog_app)):
        app.add_typer(group, name=name)
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
