"""The functions and casts that a predicate may use: deterministic, without effects, without errors on any data."""

from __future__ import annotations

from dataclasses import dataclass

from datamix.filters.tree import Kind


@dataclass(frozen=True)
class Function:
    """A function that a predicate may call: kinds of its arguments, and of its result (None: that of its arguments)."""

    arguments: tuple[tuple[Kind, ...], ...]
    result: Kind | None
    repeats: bool = False


_NUMBER: tuple[Kind, ...] = ("integer", "float")
_TEXT: tuple[Kind, ...] = ("text",)
_TIME: tuple[Kind, ...] = ("time",)
FUNCTIONS: dict[str, Function] = {
    "abs": Function((_NUMBER,), "float"),
    "ceil": Function((_NUMBER,), "float"),
    "floor": Function((_NUMBER,), "float"),
    "round": Function((_NUMBER, ("integer",)), "float"),
    "lower": Function((_TEXT,), "text"),
    "upper": Function((_TEXT,), "text"),
    "length": Function((("text", "list"),), "integer"),
    "starts_with": Function((_TEXT, _TEXT), "boolean"),
    "ends_with": Function((_TEXT, _TEXT), "boolean"),
    "contains": Function((_TEXT, _TEXT), "boolean"),
    "list_contains": Function((("list",), _TEXT), "boolean"),
    "year": Function((_TIME,), "integer"),
    "month": Function((_TIME,), "integer"),
    "day": Function((_TIME,), "integer"),
    "coalesce": Function((("integer", "float", "text", "boolean", "time"),), None, repeats=True),
}
# How sqlglot names what it knows; the rest it calls anonymous, by the name that was written.
SPELLINGS = {
    "abs": "abs", "ceil": "ceil", "floor": "floor", "round": "round", "lower": "lower", "upper": "upper",
    "length": "length", "startswith": "starts_with", "endswith": "ends_with", "contains": "contains",
    "arraycontains": "list_contains", "year": "year", "month": "month", "day": "day", "dayofmonth": "day",
    "coalesce": "coalesce",
}  # fmt: skip
CASTS: dict[str, Kind] = {"DATE": "time", "TIMESTAMP": "time", "DOUBLE": "float"}
