"""The tree of a predicate, and the SQL that is emitted from it.

NULL and NaN are the same thing here, a missing value: a comparison with either is not true. DuckDB orders NaN above
infinity, so comparisons that NaN would pass carry a guard. Arithmetic is on doubles and a cast that fails gives NULL,
so that no row of data can stop a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal as Choice

import pyarrow as pa

Kind = Choice["integer", "float", "text", "boolean", "time", "list", "other"]
NUMBERS = ("integer", "float")
NAN = "'nan'::FLOAT"

OPPOSITE = {
    "=": "<>", ">": "<=", ">=": "<", "between": "not between", "in": "not in", "is null": "is not null",
    "like": "not like", "ilike": "not ilike",
}  # fmt: skip
OPPOSITE |= {value: key for key, value in OPPOSITE.items()}
FLIPPED = {"=": "=", "<>": "<>", ">": "<", "<": ">", ">=": "<=", "<=": ">="}
TRUE_FOR_NAN = (">", ">=", "<>", "not between", "not in")


def kind_of(arrow: pa.DataType) -> Kind:
    """Return the kind of an Arrow type: `list` is one of text.

    A timestamp with a zone is `other`, since its year depends on the session.
    """
    if pa.types.is_dictionary(arrow):
        return kind_of(arrow.value_type)
    if pa.types.is_floating(arrow):
        return "float"
    if pa.types.is_integer(arrow) or pa.types.is_decimal(arrow):
        return "integer"
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
        return "text"
    if pa.types.is_boolean(arrow):
        return "boolean"
    if pa.types.is_date(arrow) or (pa.types.is_timestamp(arrow) and arrow.tz is None):
        return "time"
    if (pa.types.is_list(arrow) or pa.types.is_large_list(arrow)) and kind_of(arrow.value_type) == "text":
        return "list"
    return "other"


@dataclass(frozen=True)
class Column:
    """A column; `kind` is None where its type is not known."""

    name: str
    kind: Kind | None

    @property
    def sql(self) -> str:
        """The quoted name."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def text(self) -> str:
        """The name as a person writes it."""
        return self.name


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: bool | int | float | str | date

    @property
    def kind(self) -> Kind:
        """The kind of the constant."""
        match self.value:
            case bool():
                return "boolean"
            case int():
                return "integer"
            case float():
                return "float"
            case str():
                return "text"
        return "time"

    @property
    def sql(self) -> str:
        """Numbers keep their decimal form: DuckDB compares a FLOAT with 0.7 as FLOAT, with 7e-1 as DOUBLE."""
        match self.value:
            case bool():
                return "TRUE" if self.value else "FALSE"
            case float() if self.value in (float("inf"), float("-inf")):
                return f"'{self.value}'::FLOAT"
            case int() | float():
                return format(Decimal(repr(self.value)), "f")
            case str():
                return "'" + self.value.replace("'", "''") + "'"
            case datetime():
                return f"TIMESTAMP '{self.value.isoformat(sep=' ')}'"
        return f"DATE '{self.value.isoformat()}'"

    @property
    def text(self) -> str:
        """The constant as `decisions` shows it: booleans lower case, times ISO 8601, text as it is."""
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True)
class Arithmetic:
    """`left operator right`, on doubles."""

    operator: Choice["+", "-", "*", "/", "%"]
    left: Value
    right: Value
    kind: Kind = "float"

    @property
    def sql(self) -> str:
        """IEEE arithmetic: x / 0 is infinite, 0 / 0 is NaN; nothing overflows into an error."""
        return f"({_double(self.left)} {self.operator} {_double(self.right)})"

    @property
    def text(self) -> str:
        """The expression as a person writes it."""
        return f"({self.left.text} {self.operator} {self.right.text})"


@dataclass(frozen=True)
class Call:
    """A function of the white list (see functions.py), or a cast."""

    function: str
    arguments: tuple[Value, ...]
    kind: Kind | None

    @property
    def sql(self) -> str:
        """Numeric functions take doubles, since abs of the least integer is an error."""
        arguments = [argument.sql for argument in self.arguments]
        if self.function.startswith("cast "):
            return f"TRY_CAST({arguments[0]} AS {self.function.removeprefix('cast ')})"
        if self.function in ("abs", "round", "floor", "ceil"):
            arguments[0] = _double(self.arguments[0])
        if self.function == "coalesce":
            arguments = [
                f"nullif({sql}, {NAN})" if argument.kind == "float" else sql
                for sql, argument in zip(arguments, self.arguments, strict=True)
            ]
        return f"{self.function}({', '.join(arguments)})"

    @property
    def text(self) -> str:
        """The call as a person writes it."""
        arguments = ", ".join(argument.text for argument in self.arguments)
        if self.function.startswith("cast "):
            return f"cast({arguments} as {self.function.removeprefix('cast ').lower()})"
        return f"{self.function}({arguments})"


Value = Column | Literal | Arithmetic | Call


def _double(value: Value) -> str:
    return f"{'TRY_CAST' if value.kind is None else 'CAST'}({value.sql} AS DOUBLE)"


@dataclass(frozen=True)
class Comparison:
    """A leaf: `value op thresholds`. A bare boolean column `kept` is `kept = true`.

    Args:
        value: what is compared; holds at least one column.
        op: a key of OPPOSITE.
        thresholds: none for `is null`, two for `between`, any number for `in`, else one.
    """

    value: Value
    op: str
    thresholds: tuple[Value, ...]

    @property
    def sql(self) -> str:
        """The comparison, in parentheses; false or NULL where a value is missing."""
        value, op = self.value.sql, self.op.upper()
        numeric = any(side.kind in NUMBERS for side in (self.value, *self.thresholds))
        if self.op in ("is null", "is not null"):
            joint, isnan = ("OR", "=") if self.op == "is null" else ("AND", "<>")
            return f"({value} {op} {joint} {value} {isnan} {NAN})" if self.value.kind == "float" else f"({value} {op})"
        if self.op in ("in", "not in"):
            body = f"{value} {op} ({', '.join(threshold.sql for threshold in self.thresholds)})"
        elif self.op in ("between", "not between"):
            body = f"{value} {op} {self.thresholds[0].sql} AND {self.thresholds[1].sql}"
        else:
            body = f"{value} {op} {self.thresholds[0].sql}"
        sides = (self.value, *self.thresholds) if self._between_columns else (self.value,)
        if numeric and (self._between_columns or self.op in TRUE_FOR_NAN):
            guards = [f"{side.sql} <> {NAN}" for side in sides if side.kind in ("float", None)]
            return " AND ".join([f"(({body})" if guards else f"({body}", *guards]) + ")"
        return f"({body})"

    @property
    def _between_columns(self) -> bool:
        return any(True for threshold in self.thresholds for _ in columns_of(threshold))

    def negated(self) -> Comparison:
        """Return the comparison that is true where this one is false."""
        return Comparison(self.value, OPPOSITE[self.op], self.thresholds)


@dataclass(frozen=True)
class Branch:
    """AND or OR of conditions; NOT does not occur, since it is pushed down into the comparisons."""

    joint: Choice["AND", "OR"]
    parts: tuple[Condition, ...]

    @property
    def sql(self) -> str:
        """The parts, each in parentheses, joined."""
        return "(" + f" {self.joint} ".join(part.sql for part in self.parts) + ")"

    def negated(self) -> Branch:
        """Return the opposite, by De Morgan."""
        return Branch("OR" if self.joint == "AND" else "AND", tuple(part.negated() for part in self.parts))


Condition = Comparison | Branch


def leaves_of(condition: Condition) -> Iterator[Comparison]:
    """Yield the comparisons, left to right."""
    if isinstance(condition, Comparison):
        yield condition
    else:
        for part in condition.parts:
            yield from leaves_of(part)


def columns_of(value: Value) -> Iterator[Column]:
    """Yield the columns in `value`, left to right, repeated where they are."""
    match value:
        case Column():
            yield value
        case Arithmetic():
            yield from columns_of(value.left)
            yield from columns_of(value.right)
        case Call():
            for argument in value.arguments:
                yield from columns_of(argument)


def tested_in(value: Value) -> Iterator[Column]:
    """Yield the columns for which `value` says itself what a missing one means, by coalesce."""
    match value:
        case Arithmetic():
            yield from tested_in(value.left)
            yield from tested_in(value.right)
        case Call("coalesce"):
            yield from columns_of(value)
        case Call():
            for argument in value.arguments:
                yield from tested_in(argument)
