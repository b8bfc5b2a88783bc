"""The exception tree: every failure is a sentence that says what happened, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class DatamixError(Exception):
    """A failure that the user can act on. The command line prints it as one line and exits with `exit_code`."""

    exit_code = 1


class SpecError(DatamixError):
    """A project file, mixture, filter pack or command line that says something impossible.

    Args:
        message: the sentence.
        file: the file that says it, if any.
        line: its 1-based line, if known.
    """

    exit_code = 2

    def __init__(self, message: str, *, file: Path | str | None = None, line: int | None = None) -> None:
        self.message, self.file, self.line = message, file, line
        where = "" if file is None else f"{file}:{line}: " if line else f"{file}: "
        super().__init__(where + message)


class InputError(DatamixError):
    """A source's file that can't be read."""


class ModelError(DatamixError):
    """A model or tokenizer file that is damaged, unsupported or not what its name says."""


class StoreError(DatamixError):
    """The store is locked, damaged, or of another version."""


class QueryError(DatamixError):
    """A SQL statement that DuckDB refused."""


class EngineError(DatamixError):
    """A task failed in a worker, or the engine could not start."""


class JobError(DatamixError):
    """A cluster or schedule that does not answer."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `known` to `name`, or nothing where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
