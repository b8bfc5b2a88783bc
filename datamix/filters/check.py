"""What `datamix check` says of packs: rules that can't be read, examples that don't hold, rules without effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from datamix.errors import SpecError
from datamix.filters.decide import Decider
from datamix.filters.packs import BoundPack, bind_pack
from datamix.spec.pack import Example, Pack

Measure = Callable[[Sequence[str]], pa.Table]
"""Measures texts: one row for each, one column for each signal of the project."""


@dataclass(frozen=True)
class Finding:
    """One thing that `check` found.

    Args:
        pack: name of the pack.
        rule: name of the rule, or None where it is about the pack or an example.
        message: the sentence.
        severity: an `error` fails the check, a `warning` asks for a look, a `note` says what was not checked.
    """

    pack: str
    rule: str | None
    message: str
    severity: Literal["error", "warning", "note"]


def check_packs(packs: Sequence[BoundPack], columns: Mapping[str, pa.DataType], measure: Measure) -> list[Finding]:
    """Parse the rules of each pack and run its examples, with the parameters' defaults.

    Args:
        packs: those that the project uses, and those of the library that it does not.
        columns: Arrow types of the project's columns.
        measure: gives at least the measured ones of `columns` for texts.
    """
    findings: list[Finding] = []
    for pack in packs:
        known = dict(columns)
        if pack.document is pack.file.document:
            known = _assumed(pack.file.pack) | known
        try:
            pack.rules(known)
            findings += _check_examples(bind_pack(pack.file), known, measure)
        except SpecError as error:
            findings.append(Finding(pack.name, None, str(error), "error"))
    return findings


def check_effects(decider: Decider, connection: duckdb.DuckDBPyConnection, relation: str) -> list[Finding]:
    """Warn of each rule that drops none or all of the rows of `relation` (see `Decider.select`)."""
    counts = ", ".join(f"count(*) FILTER (list_contains(reasons, '{reason}'))" for reason in decider.reasons)
    if not counts:
        return []
    row = connection.execute(f"SELECT count(*), {counts} FROM ({decider.select(relation)})").fetchone()
    total, *dropped = row or (0,)
    findings = []
    for reason, count in zip(decider.reasons, dropped, strict=True):
        pack, _, rule = reason.rpartition(".")
        if total and count in (0, total):
            what = "nothing" if count == 0 else "everything"
            findings.append(Finding(pack, rule, f"drops {what} among {total:,} documents", "warning"))
    return findings


def _assumed(pack: Pack) -> dict[str, pa.DataType]:
    """Return types for the columns that an unused pack would have measured, after its examples."""
    types = {name: pa.array([example.signals.get(name) for example in pack.examples]).type for name in pack.measure}
    return {name: pa.float64() if pa.types.is_null(arrow_type) else arrow_type for name, arrow_type in types.items()}


def _check_examples(pack: BoundPack, columns: Mapping[str, pa.DataType], measure: Measure) -> list[Finding]:
    examples = pack.file.pack.examples
    needs = {rule.rule.name: set(rule.predicate.columns) for rule in pack.rules(columns)}
    used = sorted(set().union(*needs.values()))
    texts = [example.text for example in examples if example.text is not None]
    measured = measure(texts) if texts else pa.table({})
    rows = iter(measured.to_pylist())
    signals = [next(rows) if example.text is not None else example.signals for example in examples]
    try:
        table = pa.table(
            {
                "doc_id": pa.array(range(len(examples)), pa.int64()),
                "source": pa.array([""] * len(examples)),
                **{name: pa.array([row.get(name) for row in signals], columns[name]) for name in used},
            }
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        return [_about(pack, 0, f"an example's signal has a wrong type: {error}", "error")]
    with duckdb.connect() as connection:
        connection.register("examples", table)
        decided = dict(
            connection.execute(
                f"SELECT doc_id, reasons FROM ({Decider([pack], columns).select('examples')})"
            ).fetchall()
        )
    findings = []
    for i, (example, row) in enumerate(zip(examples, signals, strict=True)):
        judged = {rule for rule, names in needs.items() if names <= row.keys()}
        unjudged = sorted(set().union(*(needs[rule] for rule in needs if rule not in judged)) - row.keys())
        if example.text is not None and unjudged:
            findings.append(_about(pack, i, f"not run: {', '.join(unjudged)} is not measured here", "note"))
            continue
        failed = [rule for rule in needs if f"{pack.name}.{rule}" in decided[i] and rule in judged]
        if set(failed) != set(example.drops):
            findings.append(_about(pack, i, f"{_expected(example)}, but {_happened(failed)}", "error"))
    return findings


def _about(pack: BoundPack, i: int, message: str, severity: Literal["error", "note"]) -> Finding:
    line = pack.file.document.line(("examples", i))
    return Finding(pack.name, None, f"{pack.file.document.file}:{line}: example {i + 1}: {message}", severity)


def _expected(example: Example) -> str:
    return f"should be dropped by {', '.join(example.drops)}" if example.drops else "should be kept"


def _happened(failed: list[str]) -> str:
    return f"is dropped by {', '.join(failed)}" if failed else "is kept"
