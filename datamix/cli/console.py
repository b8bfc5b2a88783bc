"""What the command line prints: results on stdout, progress and errors on stderr, JSON where a machine reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datamix.spec.project import ProjectFile

ProjectFolder = Annotated[
    Path, typer.Option("-C", "--project", metavar="DIR", help="The project's folder, with its datamix.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]


def open_project(folder: Path) -> ProjectFile:
    """Read the project in `folder`."""
    from datamix.spec.project import read_project

    return read_project(folder)


def emit_json(value: Any) -> None:
    """Print `value` as one JSON document on stdout."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    sys.stdout.write(orjson.dumps(value, option=options, default=str).decode() + "\n")


def say(text: str = "") -> None:
    """Print a line of a result, with rich's markup."""
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(text)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; numbers stand to the right."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    entries = [list(row) for row in rows]
    view = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        values = [row[i] for row in entries if row[i] is not None]
        numeric = bool(values) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        )
        view.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in entries:
        view.add_row(*(escape(format_cell(value)) for value in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe has no width: nothing is cut or folded
        console = Console(highlight=False, width=10_000)
    console.print(view)


def format_cell(value: Any) -> str:
    """Return a value as a table shows it: thousands apart, four significant digits, NULL as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(format_cell(item) for item in value)
    return str(value)


class RichProgress:
    """Shows the stages of a run on stderr; silent where stderr is no terminal."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task: Any = None

    def stage(self, name: str, total: int | None) -> None:
        """Begin a stage of `total` steps, None where that is not known."""
        self._finish()
        self._task = self._progress.add_task(name, total=total)

    def advance(self, steps: int = 1) -> None:
        """Say that steps of the stage ended."""
        self._progress.update(self._task, advance=steps)

    def _finish(self) -> None:
        if self._task is not None:
            task = self._progress.tasks[self._task]
            self._progress.update(self._task, total=task.total or 1, completed=task.total or 1)


@contextmanager
def progress() -> Iterator[RichProgress]:
    """Show progress on stderr while the block runs."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as view:
        yield RichProgress(view)
