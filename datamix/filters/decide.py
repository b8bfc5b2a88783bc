"""Decisions: which rules each document fails, as SQL over the measurements.

A decision is stored as bit masks, one bit for each comparison of each rule. A bit is set where its rule fails and its
comparison is not true; so a rule failed where any of its bits is set. `decisions_view` expands the bits into rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from datamix.filters.packs import BoundPack, ParsedRule
from datamix.filters.tree import NAN, NUMBERS, Comparison, Condition, Literal, Value, columns_of, tested_in

BITS = 63
MASK = "failed_"
"""How the names of mask columns begin; a number follows."""
VERSION = 1
"""Of the meaning of a decision; raised when the same packs would decide otherwise."""

DECISION_TYPES = {
    "pack": "VARCHAR", "rule": "VARCHAR", "term": "VARCHAR", "op": "VARCHAR",
    "value": "DOUBLE", "value_text": "VARCHAR",
    "threshold": "DOUBLE", "threshold_high": "DOUBLE", "threshold_text": "VARCHAR",
}  # fmt: skip
"""Columns of `decisions` after doc_id, and their DuckDB types."""


@dataclass(frozen=True)
class _Placed:
    """A rule, and where its comparisons' bits are: bits `first`, `first + 1`, ... of mask number `mask`."""

    parsed: ParsedRule
    mask: int
    first: int

    @property
    def bits(self) -> int:
        return ((1 << len(self.parsed.predicate.comparisons)) - 1) << self.first


class Decider:
    """Packs, ready to be asked of any relation that has the columns.

    Args:
        packs: in the order of the reasons; see `packs.load_packs`.
        columns: Arrow types of all columns that the relation has, by name.
        exempt: for a source's name, the packs that do not apply to it.

    Raises:
        SpecError: a pack needs a column that is not there, or a rule is not a predicate; with file and line.
    """

    def __init__(
        self,
        packs: Sequence[BoundPack],
        columns: Mapping[str, pa.DataType],
        exempt: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.packs = tuple(packs)
        self.exempt = {source: sorted(names) for source, names in sorted((exempt or {}).items()) if names}
        self._rules = _place(packs, columns)

    @property
    def masks(self) -> tuple[str, ...]:
        """The names of the mask columns: `failed_0`, `failed_1`, ...; none where there is no pack."""
        count = self._rules[-1].mask + 1 if self._rules else 0
        return tuple(f"{MASK}{i}" for i in range(count))

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons that the packs can give, in order."""
        return tuple(placed.parsed.reason for placed in self._rules)

    def definition(self) -> dict[str, Any]:
        """Return all that determines a decision, as JSON: rules as emitted, parameters, exemptions."""
        packs = [
            {
                "name": pack.name,
                "parameters": dict(sorted(pack.parameters.items())),
                "rules": [
                    {"name": placed.parsed.rule.name, "keep": placed.parsed.predicate.sql}
                    for placed in self._rules
                    if placed.parsed.pack == pack.name
                ],
            }
            for pack in self.packs
        ]
        return {"version": VERSION, "packs": packs, "exempt": self.exempt}

    @property
    def id(self) -> str:
        """The name of this decision: 32 hex digits, blake2b of `definition()`."""
        return hashlib.blake2b(orjson.dumps(self.definition(), option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

    def select(self, relation: str) -> str:
        """Return SQL that decides each row of `relation`.

        Args:
            relation: a table, view or subquery in parentheses, with doc_id, source and the columns.

        Returns:
            A SELECT of doc_id, the masks (UBIGINT), and `reasons` VARCHAR[] in pack order, empty where the row passes.
            The order of rows is not promised. It passes over `relation` once and holds 24 bytes or more a row.
        """
        if not self._rules:
            return f"SELECT doc_id, []::VARCHAR[] AS reasons FROM {relation}"
        masks = ", ".join(self.masks)
        columns = ", ".join(f"{self._mask_sql(i)} AS {name}" for i, name in enumerate(self.masks))
        failed = ", ".join(
            f"CASE WHEN {self.masks[rule.mask]} & {_bits(rule.bits)} <> 0 THEN {Literal(rule.parsed.reason).sql} END"
            for rule in self._rules
        )
        # Few combinations of failures occur, so a list is made for each combination and joined, not for each document.
        return (
            f"WITH decided AS MATERIALIZED (SELECT doc_id, {columns} FROM {relation}), "
            f"combinations AS (SELECT {masks}, list_filter([{failed}], lambda reason: reason IS NOT NULL) AS reasons "
            f"FROM (SELECT DISTINCT {masks} FROM decided)) "
            f"SELECT doc_id, {masks}, reasons FROM decided JOIN combinations USING ({masks})"
        )

    def decisions_view(self, relation: str) -> str:
        """Return SQL that expands masks into rows of `decisions` (doc_id and DECISION_TYPES), one for each failed bit.

        Args:
            relation: a table, view or subquery in parentheses, with doc_id, the masks and the columns.
        """
        selects = [
            _decision_sql(placed, i, self.masks[placed.mask], relation)
            for placed in self._rules
            for i in range(len(placed.parsed.predicate.comparisons))
        ]
        if not selects:
            nulls = ", ".join(f"NULL::{kind} AS {name}" for name, kind in DECISION_TYPES.items())
            return f"SELECT doc_id, {nulls} FROM {relation} WHERE FALSE"
        return "\nUNION ALL\n".join(selects)

    def _mask_sql(self, mask: int) -> str:
        rules = [placed for placed in self._rules if placed.mask == mask]
        sql = " | ".join(_rule_sql(placed) for placed in rules)
        cases = []
        for source, names in self.exempt.items():
            allowed = sum(placed.bits for placed in rules if placed.parsed.pack not in names)
            cases.append(f"WHEN {Literal(source).sql} THEN {_bits(allowed)}")
        return f"({sql}) & CASE source {' '.join(cases)} ELSE {_bits((1 << BITS) - 1)} END" if cases else f"({sql})"


def _place(packs: Sequence[BoundPack], columns: Mapping[str, pa.DataType]) -> tuple[_Placed, ...]:
    placed: list[_Placed] = []
    mask = first = 0
    for pack in packs:
        for i, parsed in enumerate(pack.rules(columns)):
            width = len(parsed.predicate.comparisons)
            if width > BITS:
                raise pack.file.document.error(f"a rule may have {BITS} comparisons, not {width}", "rules", i, "keep")
            if first + width > BITS:
                mask, first = mask + 1, 0
            placed.append(_Placed(parsed, mask, first))
            first += width
    return tuple(placed)


def _bits(value: int) -> str:
    return f"{value}::UBIGINT"


def _rule_sql(placed: _Placed) -> str:
    """Return the rule's failed bits; a comparison with a missing value is not true, so its bit is set."""
    predicate = placed.parsed.predicate
    bits = " | ".join(
        f"CASE WHEN {comparison.sql} THEN {_bits(0)} ELSE {_bits(1 << (placed.first + i))} END"
        for i, comparison in enumerate(predicate.comparisons)
    )
    if _is_conjunction(predicate.condition):
        return bits
    present = [Comparison(column, "is not null", ()).sql for column in predicate.required]
    return f"CASE WHEN {' AND '.join([predicate.sql, *present])} THEN {_bits(0)} ELSE {bits} END"


def _is_conjunction(condition: Condition) -> bool:
    if isinstance(condition, Comparison):
        return True
    return condition.joint == "AND" and all(_is_conjunction(part) for part in condition.parts)


def _decision_sql(placed: _Placed, i: int, mask: str, relation: str) -> str:
    comparison = placed.parsed.predicate.comparisons[i]
    value, thresholds = comparison.value, comparison.thresholds
    numeric = value.kind in NUMBERS
    op, term = Literal(comparison.op).sql, Literal(value.text).sql
    if comparison.op not in ("is null", "is not null"):
        missing = [case for side in (value, *thresholds) for case in _missing(side)]
        op = f"CASE WHEN {' OR '.join(condition for condition, _ in missing)} THEN 'missing' ELSE {op} END"
        term = f"CASE {' '.join(f'WHEN {condition} THEN {name}' for condition, name in missing)} ELSE {term} END"
    cells = {
        "pack": Literal(placed.parsed.pack).sql,
        "rule": Literal(placed.parsed.rule.name).sql,
        "term": term,
        "op": op,
        "value" if numeric else "value_text": f"nullif({value.sql}, {NAN})" if value.kind == "float" else value.sql,
    }
    if comparison.op in ("in", "not in"):
        cells["threshold_text"] = Literal(", ".join(threshold.text for threshold in thresholds)).sql
    elif numeric:
        cells |= {name: side.sql for name, side in zip(("threshold", "threshold_high"), thresholds, strict=False)}
    elif thresholds:
        cells["threshold_text"] = " || ' and ' || ".join(f"CAST({side.sql} AS VARCHAR)" for side in thresholds)
    columns = ", ".join(f"CAST({cells.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in DECISION_TYPES.items())
    return f"SELECT doc_id, {columns} FROM {relation} WHERE {mask} & {_bits(1 << (placed.first + i))} <> 0"


def _missing(side: Value) -> Iterator[tuple[str, str]]:
    """Yield conditions that `side` lacks a value, with what lacks it: its columns, or else the expression itself."""
    if isinstance(side, Literal):
        return
    tested = set(tested_in(side))
    for part in dict.fromkeys([*(column for column in columns_of(side) if column not in tested), side]):
        yield Comparison(part, "is null", ()).sql, Literal(part.text).sql
