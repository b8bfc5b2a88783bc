"""The white list: which SQL a predicate may use, and how it becomes the tree of tree.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any, NoReturn
from typing import Literal as Choice

from sqlglot import Dialect, TokenType, exp
from sqlglot.errors import ParseError, TokenError

from datamix.errors import SpecError, nearest
from datamix.filters.functions import CASTS, FUNCTIONS, SPELLINGS
from datamix.filters.tree import (
    FLIPPED,
    NUMBERS,
    Arithmetic,
    Branch,
    Call,
    Column,
    Comparison,
    Condition,
    Kind,
    Literal,
    Value,
    columns_of,
)

Node = Any  # the name and shape of sqlglot's base class differ between its releases
Constant = bool | int | float | str
# All that a node may consist of; a part that is not read here could change what the node means.
_KNOWN_PARTS = {"this", "expression", "expressions", "low", "high", "to", "decimals", "is_string", "negate", "safe"}
MAX_CHARACTERS = 10_000
MAX_DEPTH = 40


_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_ARITHMETIC: dict[type, Choice["+", "-", "*", "/", "%"]] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%",
}  # fmt: skip
_FOLD: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
}


def read_condition(text: str, columns: Collection[str], parameters: Mapping[str, Constant]) -> Condition:
    """Return the checked tree of `text`; see `predicate.parse_predicate`."""
    return _Reader(text, columns, parameters).read()


class _Reader:
    """Turns sqlglot's tree into ours, and refuses every node that it does not know."""

    def __init__(self, text: str, columns: Collection[str], parameters: Mapping[str, Constant]) -> None:
        self.text, self.columns, self.parameters = text, columns, parameters
        self.depth = 0

    def read(self) -> Condition:
        if len(self.text) > MAX_CHARACTERS:
            raise SpecError(f"the predicate has {len(self.text):,} characters; {MAX_CHARACTERS:,} are allowed")
        if not self.text.strip():
            raise SpecError("the predicate is empty; write a comparison, like `words >= 50`")
        if any(character < " " and character not in "\t\r\n" for character in self.text):
            self.refuse("control characters are not allowed")
        dialect = Dialect.get_or_raise("duckdb")
        try:
            tokens = dialect.tokenize(self.text)
            if any(token.comments or token.token_type is TokenType.HINT for token in tokens):
                self.refuse("comments are not allowed")
            if any(token.token_type is TokenType.SEMICOLON for token in tokens):
                self.refuse("`;` is not allowed; a predicate is one condition")
            trees = dialect.parser().parse_into(exp.Condition, tokens, self.text)
        except ParseError as error:
            place = next((item["col"] for item in error.errors if item.get("col")), None)
            self.refuse("it is not one SQL condition" + (f"; it breaks at character {place}" if place else ""))
        except TokenError:
            self.refuse("it is not one SQL condition; a quote is not closed, or a character has no place in SQL")
        except RecursionError:
            self.refuse("it is nested too deeply")
        if len(trees) != 1 or trees[0] is None:
            self.refuse("it is not one condition")
        return self.condition(trees[0])

    def refuse(self, what: str) -> NoReturn:
        shown = self.text.strip() if len(self.text) <= 200 else self.text.strip()[:200] + "…"
        raise SpecError(f"the predicate {shown!r} is refused: {what}")

    def enter(self, node: Node) -> None:
        if any(value for key, value in node.args.items() if key not in _KNOWN_PARTS):
            self.refuse(f"`{_shown(node)}` is not allowed")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"it is nested deeper than {MAX_DEPTH} levels")

    def condition(self, node: Node) -> Condition:
        self.enter(node)
        result = self._condition(node)
        self.depth -= 1
        return result.negated() if node.args.get("negate") else result

    def _condition(self, node: Node) -> Condition:
        match node:
            case exp.Paren():
                return self.condition(node.this)
            case exp.Not():
                return self.condition(node.this).negated()
            case exp.And():
                return Branch("AND", tuple(self.condition(part) for part in node.flatten()))
            case exp.Or():
                return Branch("OR", tuple(self.condition(part) for part in node.flatten()))
            case exp.Is():
                if not isinstance(node.expression, exp.Null):
                    self.refuse("IS stands before NULL only; write `= true` or `= false`")
                return self.comparison(self.value(node.this), "is null", ())
            case exp.Between():
                bounds = (self.value(node.args["low"]), self.value(node.args["high"]))
                return self.comparison(self.value(node.this), "between", bounds)
            case exp.In():
                items = tuple(self.value(item) for item in node.expressions)
                if not items:
                    self.refuse("IN takes a list of constants, like `language in ('en', 'fr')`")
                return self.comparison(self.value(node.this), "in", items)
            case exp.Like() | exp.ILike():
                op = "like" if isinstance(node, exp.Like) else "ilike"
                pattern = self.value(node.expression)
                if not (isinstance(pattern, Literal) and pattern.kind == "text"):
                    self.refuse("LIKE takes a constant text, like `host like '%.org'`")
                return self.comparison(self.value(node.this), op, (pattern,))
            case _ if type(node) in _COMPARISONS:
                return self.ordered(self.value(node.this), _COMPARISONS[type(node)], self.value(node.expression))
            case exp.Column() | exp.Func():
                return self.comparison(self.value(node), "=", (Literal(value=True),))
        return self.refuse(f"`{_shown(node)}` is not a comparison of columns with constants")

    def ordered(self, left: Value, op: str, right: Value) -> Comparison:
        if isinstance(left, Literal):
            return self.comparison(right, FLIPPED[op], (left,))
        return self.comparison(left, op, (right,))

    def comparison(self, value: Value, op: str, thresholds: tuple[Value, ...]) -> Comparison:
        if not any(True for _ in columns_of(value)):
            self.refuse("a comparison must name a column")
        if op in ("between", "in") and not all(isinstance(threshold, Literal) for threshold in thresholds):
            self.refuse(f"{op.upper()} takes constants and parameters; compare two columns with < or >")
        if value.kind in ("list", "other") and op != "is null":
            self.refuse(f"{value.text} is a column that can't be compared")
        if op in ("like", "ilike") and value.kind not in ("text", None):
            self.refuse(f"{value.text} is not text")
        return Comparison(value, op, tuple(self.matched(value, threshold) for threshold in thresholds))

    def matched(self, value: Value, threshold: Value) -> Value:
        if value.kind == "time" and isinstance(threshold, Literal) and isinstance(threshold.value, str):
            return self.time(threshold.value)
        if value.kind is None or threshold.kind is None:
            return threshold
        if value.kind != threshold.kind and not (value.kind in NUMBERS and threshold.kind in NUMBERS):
            number = value.kind == "text" and threshold.kind in NUMBERS
            hint = f"; write `try_cast({value.text} as double)`" if number else ""
            self.refuse(f"{value.text} ({value.kind}) can't be compared with {threshold.text} ({threshold.kind}){hint}")
        return threshold

    def time(self, text: str) -> Literal:
        try:
            return Literal(date.fromisoformat(text) if len(text) == len("2020-01-31") else datetime.fromisoformat(text))
        except ValueError:
            self.refuse(f"{text!r} is not a date; write one like '2020-01-31'")

    def value(self, node: Node) -> Value:
        self.enter(node)
        result = self._value(node)
        self.depth -= 1
        return result

    def _value(self, node: Node) -> Value:
        match node:
            case exp.Paren():
                return self.value(node.this)
            case exp.Literal():
                return self.literal(node)
            case exp.Boolean():
                return Literal(bool(node.this))
            case exp.Null():
                self.refuse("nothing equals NULL; write `IS NULL` or `IS NOT NULL`")
            case exp.Neg():
                return self.arithmetic("-", Literal(0), self.value(node.this))
            case exp.Column():
                return self.name(node)
            case exp.Cast() | exp.TryCast():
                return self.cast(node)
            case exp.Func():
                return self.call(node)
            case exp.Placeholder() | exp.Parameter():
                self.refuse(f"write a parameter by its bare name, not as `{_shown(node)}`")
            case _ if type(node) in _ARITHMETIC:
                return self.arithmetic(_ARITHMETIC[type(node)], self.value(node.this), self.value(node.expression))
        return self.refuse(f"`{_shown(node)}` is not allowed")

    def literal(self, node: exp.Literal) -> Literal:
        if node.is_string:
            return Literal(str(node.this))
        try:
            number: int | float = int(node.this) if node.this.isdigit() else float(node.this)
        except ValueError:
            self.refuse(f"{node.this!r} is not a number")
        return self.constant(node.this, number)

    def constant(self, name: str, value: Constant) -> Literal:
        if isinstance(value, float) and math.isnan(value):
            self.refuse(f"{name} is not a number (NaN)")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            self.refuse(f"{name} is beyond 64 bits")
        if isinstance(value, str) and "\0" in value:
            self.refuse(f"{name} has a NUL character")
        return Literal(value)

    def name(self, node: exp.Column) -> Value:
        if not isinstance(node.this, exp.Identifier):
            self.refuse(f"`{_shown(node)}` is not a plain column name")
        name = str(node.this.this)
        if name in self.parameters and not node.this.quoted:
            return self.constant(f"the parameter {name!r}", self.parameters[name])
        if name not in self.columns:
            self.refuse(f"unknown column {name!r}{nearest(name, [*self.columns, *self.parameters])}")
        return Column(name, self.columns.get(name) if isinstance(self.columns, Mapping) else None)

    def arithmetic(self, operator: Choice["+", "-", "*", "/", "%"], left: Value, right: Value) -> Value:
        for side in (left, right):
            if side.kind not in (*NUMBERS, None):
                self.refuse(f"{side.text} is not a number, so `{operator}` is not defined")
        if isinstance(left, Literal) and isinstance(right, Literal):
            try:
                return self.constant("the constant", _FOLD[operator](left.value, right.value))
            except (ArithmeticError, ValueError):
                self.refuse(f"{left.text} {operator} {right.text} has no value")
        return Arithmetic(operator, left, right)

    def cast(self, node: exp.Cast) -> Value:
        type_name = node.to.sql("duckdb")
        value = self.value(node.this)
        if type_name not in CASTS or value.kind in ("list", "other"):
            self.refuse(f"a cast of {value.text} to {type_name} is not allowed; allowed: {', '.join(CASTS)}")
        if isinstance(value, Literal) and isinstance(value.value, str) and CASTS[type_name] == "time":
            return self.time(value.value)
        return Call(f"cast {type_name}", (value,), CASTS[type_name])

    def call(self, node: Node) -> Value:
        written = node.name.lower() if isinstance(node, exp.Anonymous) else node.key
        name = SPELLINGS.get(written, written)
        if name not in FUNCTIONS:
            self.refuse(f"the function `{_shown(node)}` is not allowed; allowed: {', '.join(FUNCTIONS)}")
        function = FUNCTIONS[name]
        parts = [] if isinstance(node, exp.Anonymous) else [node.this]
        parts += [node.args.get("expression"), node.args.get("decimals"), *node.expressions]
        arguments = tuple(self.value(part) for part in parts if isinstance(part, exp.Expression))
        most = len(arguments) if function.repeats else len(function.arguments)
        if not 1 <= len(arguments) <= most:
            self.refuse(f"`{_shown(node)}` has the wrong arguments")
        for i, argument in enumerate(arguments):
            allowed = function.arguments[min(i, len(function.arguments) - 1)]
            if argument.kind is not None and argument.kind not in allowed:
                self.refuse(f"{name} takes {' or '.join(allowed)}, and {argument.text} is {argument.kind}")
        return Call(name, arguments, function.result or self.common(arguments))

    def common(self, arguments: tuple[Value, ...]) -> Kind | None:
        kinds = {argument.kind for argument in arguments}
        if kinds <= {"integer", "float"} and len(kinds) > 1:
            return "float"
        if len(kinds - {None}) > 1:
            self.refuse(f"coalesce takes values of one kind, not {' and '.join(sorted(filter(None, kinds)))}")
        return None if None in kinds else arguments[0].kind


def _shown(node: Node) -> str:
    return str(node.sql("duckdb"))[:100]
