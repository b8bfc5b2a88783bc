"""Predicates over measurements: text that is parsed, checked against a white list, and emitted as SQL from its tree."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from datamix.filters.grammar import Constant, read_condition
from datamix.filters.tree import Column, Comparison, Condition, Value, columns_of, leaves_of, tested_in


@dataclass(frozen=True)
class Predicate:
    """A condition that was checked.

    Args:
        text: as it was written.
        condition: its tree, without NOT and with the parameters' values in place.
    """

    text: str
    condition: Condition

    @property
    def sql(self) -> str:
        """DuckDB SQL for a WHERE clause: every name quoted, true only where the predicate holds."""
        return self.condition.sql

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The leaves, left to right."""
        return tuple(leaves_of(self.condition))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, each once, in the order of their first use."""
        return tuple(dict.fromkeys(column.name for side in self._sides() for column in columns_of(side)))

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns for which the predicate does not say what a missing value means (by IS NULL or coalesce)."""
        tested = {column for side in self._sides() for column in tested_in(side)}
        for leaf in self.comparisons:
            if leaf.op in ("is null", "is not null"):
                tested.update(columns_of(leaf.value))
        used = (column for side in self._sides() for column in columns_of(side))
        return tuple(column for column in dict.fromkeys(used) if column not in tested)

    def _sides(self) -> Iterator[Value]:
        for leaf in self.comparisons:
            yield leaf.value
            yield from leaf.thresholds


def parse_predicate(text: str, columns: Collection[str], parameters: Mapping[str, Constant] | None = None) -> Predicate:
    """Parse a predicate like `domain = 'web' and quality between 0.6 and 1`.

    Allowed are comparisons, BETWEEN, IN, LIKE, ILIKE, IS [NOT] NULL, AND, OR, NOT and bare boolean columns, over
    columns, constants, parameters, arithmetic, casts to DATE, TIMESTAMP and DOUBLE (NULL where one fails) and the
    functions of `functions.FUNCTIONS`. Anything else is refused. A bare name is a parameter if there is one, else a
    column; a name in double quotes is a column.

    Args:
        text: the predicate.
        columns: the known names. As a mapping from name to `tree.Kind` it lets types be checked too, and NaN be
            treated as missing in comparisons between two columns and in IS NULL.
        parameters: constants by name.

    Raises:
        SpecError: without file and line, which the caller adds; says what is refused, or the nearest known name.
    """
    return Predicate(text, read_condition(text, columns, parameters or {}))
