"""The command line: each command parses, calls, prints. Heavy libraries are imported where they are used."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from datamix.errors import DatamixError

__all__ = ["main"]

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# What typer raises for arguments that it can't parse; it exports the subclass alone.
UsageError: Any = typer.BadParameter.__base__


def _tell_version(wanted: bool) -> None:
    if wanted:
        from datamix import __version__

        sys.stdout.write(f"datamix {__version__}\n")
        raise typer.Exit


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
        "Start with:\n\n"
        "- `datamix demo` shows the whole job on text that this machine already has\n"
        "- `datamix init my-corpus --data 'my-corpus/data/*.jsonl'` begins with yours\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage or specification, 130 interrupted.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_datamix)
    for command in (init, demo, run, status, check, sql, why, train):
        app.command()(command)
    for name, group in (("mix", mix_app), ("jobs", jobs_app), ("schedule", schedule_app), ("catalog", catalog_app)):
        app.add_typer(group, name=name)
    return app


def _datamix(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run the command line; every failure that a user can act on is one line on stderr.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or specification, 130 interrupted.
    """
    try:
        code = build_app()(args=list(arguments), prog_name="datamix", standalone_mode=False)
        sys.stdout.flush()
    except DatamixError as error:
        return _complain(str(error), error.exit_code)
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "datamix"
        message = error.format_message()  # empty where the help was printed instead
        return _complain(f"{message.rstrip('.')}; see `{command} --help`", USAGE) if message else USAGE
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has enough, as head has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        return _complain(f"{error.filename or 'the system'}: {error.strerror or error}", FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        _complain("interrupted; what was committed is kept, run again to go on", INTERRUPTED)
    return code or DONE


def _complain(message: str, code: int) -> int:
    lines = [line.strip() for line in message.splitlines() if line.strip(" ^")]
    sys.stderr.write(f"datamix: {'; '.join(lines)}\n")
    return code
