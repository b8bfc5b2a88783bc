"""What the command line prints: results on stdout, progress and errors on stderr, JSON where a machine reads."""

from __future__ import annotations

import re
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
NARROWEST_COLUMN = 8  # characters of a terminal: columns of fewer are not readable
_NUMBER = re.compile(r"-?[0-9][0-9.,]*(%|[KMBT]| [kMGT]?B)?")
_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "\ufffd")

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]


def open_project(folder: Path) -> ProjectFile:
    """Read the project in `folder`."""
    from datamix.spec.project import read_project

    return read_project(folder)


def emit_json(value: Any) -> None:
    """Print `value` as one JSON document on stdout."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    sys.stdout.write(orjson.dumps(value, option=options, default=_json_value).decode() + "\n")


def _json_value(value: Any) -> Any:
    number = plain(value)
    in_64_bits = not isinstance(number, int) or -(2**63) <= number < 2**64
    return number if isinstance(number, int | float) and in_64_bits else str(number)


def say(text: str = "") -> None:
    """Print a line of a result, with rich's markup."""
    from rich.console import Console

    Console(highlight=False, emoji=False, soft_wrap=True).print(text)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; numbers stand to the right. Rows too wide for a terminal are shown one below the other."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    entries = [[plain(value) for value in row] for row in rows]
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe has no width: nothing is cut or folded
        console = Console(highlight=False, emoji=False, width=10_000)
    elif len(columns) * NARROWEST_COLUMN > console.width:
        records = [zip(columns, row, strict=True) for row in entries]
        entries = [[i, name, value] for i, record in enumerate(records, 1) for name, value in record]
        columns = ["row", "column", "value"]
    view = Table(
        title=title and escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for i, column in enumerate(columns):
        values = [row[i] for row in entries if row[i] is not None]
        numeric = bool(values) and all(_is_number(value) for value in values)
        view.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in entries:
        view.add_row(*(Text(format_cell(value)) for value in row))
    console.print(view)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int | float) or bool(_NUMBER.fullmatch(str(value))))


def plain(value: Any) -> Any:
    """Return a value of a query as a number or a text where SQL's type is neither: decimals, bytes, intervals."""
    from decimal import Decimal

    if isinstance(value, Decimal):  # what DuckDB sums integers to
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if type(value).__name__ == "MonthDayNano":
        months, days, nanoseconds = value
        return f"{months} months {days} days {nanoseconds / 1e9:g} s"
    return value


def format_cell(value: Any) -> str:
    """Return a value as a table shows it: thousands apart, four significant digits, NULL as a dash, in one line."""
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
    return printable(str(value))


def printable(text: str) -> str:
    """Return `text` in one line, without characters that would command a terminal."""
    for character, shown in (("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(character, shown)
    return text.translate(_CONTROL)


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
