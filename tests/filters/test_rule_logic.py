"""Rules of any shape, against three-valued logic in Python."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.filters.decide import Decider
from datamix.filters.packs import bind_pack
from datamix.spec.pack import read_pack

TYPES = {"words": pa.int64(), "quality": pa.float32(), "ratio": pa.float64(), "ok": pa.bool_(), "domain": pa.string()}
NUMBERS = [0, 1, 0.5, -2.25, 100]
ROWS = st.fixed_dictionaries(
    {
        "words": st.none() | st.sampled_from([0, 1, -2, 100]),
        "quality": st.none() | st.sampled_from([*map(float, NUMBERS), math.nan, math.inf, -math.inf]),
        "ratio": st.none() | st.sampled_from([*map(float, NUMBERS), math.nan, math.inf, -math.inf]),
        "ok": st.none() | st.booleans(),
        "domain": st.none() | st.sampled_from(["web", "code", ""]),
    }
)
OPERATORS = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """A predicate, its value (None: unknown), and the columns that it needs and that it tests for NULL."""

    text: str
    value: Callable[[Row], bool | None]
    needs: frozenset[str]
    tests: frozenset[str] = frozenset()

    def keeps(self, row: Row) -> bool:
        return self.value(row) is True and not any(lacks(row[name]) for name in self.needs - self.tests)


def lacks(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def leaf(text: str, column: str, judge: Callable[[Any], bool]) -> Rule:
    return Rule(text, lambda row: None if lacks(row[column]) else judge(row[column]), frozenset([column]))


def null(column: str, negated: bool) -> Rule:
    text = f"{column} is {'not ' if negated else ''}null"
    return Rule(text, lambda row: lacks(row[column]) != negated, frozenset([column]), frozenset([column]))


def negate(rule: Rule) -> Rule:
    def value(row: Row) -> bool | None:
        inner = rule.value(row)
        return None if inner is None else not inner

    return Rule(f"not ({rule.text})", value, rule.needs, rule.tests)


def join(a: Rule, b: Rule, both: bool) -> Rule:
    def value(row: Row) -> bool | None:
        values = [a.value(row), b.value(row)]
        if (not both) in values:
            return not both
        return None if None in values else both

    return Rule(f"({a.text}) {'and' if both else 'or'} ({b.text})", value, a.needs | b.needs, a.tests | b.tests)


COLUMNS = st.sampled_from(["words", "quality", "ratio"])
LEAVES = st.one_of(
    st.builds(
        lambda column, op, number: leaf(f"{column} {op} {number}", column, lambda x: bool(OPERATORS[op](x, number))),
        COLUMNS, st.sampled_from(list(OPERATORS)), st.sampled_from(NUMBERS),
    ),
    st.builds(
        lambda column, no: leaf(f"{column} {no} between 0 and 1", column, lambda x: (0 <= x <= 1) == (not no)),
        COLUMNS, st.sampled_from(["", "not"]),
    ),
    st.builds(
        lambda column, no: leaf(f"{column} {no} in (0.5, 100)", column, lambda x: (x in (0.5, 100)) == (not no)),
        COLUMNS, st.sampled_from(["", "not"]),
    ),
    st.just(leaf("ok", "ok", bool)),
    st.just(leaf("domain in ('web', '')", "domain", lambda x: x in ("web", ""))),
    st.builds(null, st.sampled_from(list(TYPES)), st.booleans()),
)  # fmt: skip
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.builds(negate, inner), st.builds(join, inner, inner, st.booleans())),
    max_leaves=6,
)


@settings(deadline=None, max_examples=40)
@given(st.lists(RULES, min_size=1, max_size=20), st.lists(ROWS, min_size=1, max_size=40))
def test_a_rule_keeps_what_is_true_and_not_missing(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Rule], rows: list[Row]
) -> None:
    file = tmp_path_factory.mktemp("pack") / "own.yaml"
    lines = [f"  - {{name: r{i}, reason: r, keep: {json.dumps(rule.text)}}}\n" for i, rule in enumerate(rules)]
    file.write_text(f"version: 1\nname: own\ntitle: t\ncitation: c\nrules:\n{''.join(lines)}")
    decider = Decider([bind_pack(read_pack(file))], TYPES)
    table = pa.table(
        {"doc_id": pa.array(range(len(rows)))}
        | {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}
    )
    with duckdb.connect() as connection:
        connection.register("documents", table)
        reasons = dict(connection.execute(f"SELECT doc_id, reasons FROM ({decider.select('documents')})").fetchall())
    for i, row in enumerate(rows):
        expected = [f"own.r{j}" for j, rule in enumerate(rules) if not rule.keeps(row)]
        assert reasons[i] == expected, (row, [rule.text for rule in rules])
