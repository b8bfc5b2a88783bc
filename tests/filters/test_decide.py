from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.errors import SpecError
from datamix.filters.decide import BITS, DECISION_TYPES, Decider
from datamix.filters.packs import BoundPack, bind_pack
from datamix.spec.pack import read_pack

TYPES = {
    "words": pa.int64(), "quality": pa.float32(), "ratio": pa.float64(), "domain": pa.string(), "ok": pa.bool_(),
    "tags": pa.list_(pa.string()),
}  # fmt: skip

SHAPE = """
version: 1
name: shape
title: Shape
citation: none
parameters: {min: 50, max: {default: 100, description: words}}
rules:
  - {name: size, keep: words between min and max, reason: size}
  - {name: quality, keep: quality >= 0.5, reason: bad}
  - {name: either, keep: quality > 0.9 or ratio > 0.5 and not ok, reason: neither}
  - {name: both, keep: "ratio <= 0.5 and domain in ('web', 'code')", reason: one}
  - {name: null-ok, keep: ratio is null or ratio <> 0, reason: zero}
"""
TAGS = """
version: 1
name: tags
title: Tags
citation: none
rules:
  - {name: short, keep: length(tags) < 2, reason: many}
  - {name: default, keep: "coalesce(quality, 1) + words > 1", reason: low}
"""


def packs(tmp_path: Path, **parameters: float) -> list[BoundPack]:
    found = []
    for name, text, values in (("shape", SHAPE, parameters), ("tags", TAGS, {})):
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        found.append(bind_pack(read_pack(file), values))
    return found


def missing(*values: Any) -> bool:
    return any(value is None or (isinstance(value, float) and math.isnan(value)) for value in values)


def expected(row: dict[str, Any], low: float = 50) -> list[str]:
    """The same rules in Python: reasons in order."""
    words, quality, ratio, domain, ok, tags = (row[name] for name in TYPES)
    fails = {
        "shape.size": missing(words) or not low <= words <= 100,
        "shape.quality": missing(quality) or not quality >= 0.5,
        "shape.either": missing(quality, ratio, ok) or not (quality > 0.9 or (ratio > 0.5 and not ok)),
        "shape.both": missing(ratio, domain) or not (ratio <= 0.5 and domain in ("web", "code")),
        "shape.null-ok": not missing(ratio) and ratio == 0,
        "tags.short": missing(tags) or not len(tags) < 2,
        "tags.default": missing(words) or not (1 if missing(quality) else quality) + words > 1,
    }
    return [reason for reason, failed in fails.items() if failed]


ROWS = st.fixed_dictionaries(
    {
        "words": st.none() | st.sampled_from([0, 1, 49, 50, 75, 100, 101, 2**63 - 1, -(2**63)]),
        "quality": st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan, math.inf, -math.inf]),
        "ratio": st.none() | st.sampled_from([0.0, 0.5, 0.75, -1.0, math.nan, math.inf, -math.inf]),
        "domain": st.none() | st.sampled_from(["web", "code", "", "it's"]),
        "ok": st.none() | st.booleans(),
        "tags": st.none() | st.lists(st.none() | st.just("x"), max_size=3),
    }
)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}
    source = [row.get("source", "a") for row in rows]
    return pa.table({"doc_id": pa.array(range(len(rows)), pa.int64()), "source": pa.array(source), **columns})


def decide(decider: Decider, rows: list[dict[str, Any]]) -> tuple[dict[int, list[str]], list[dict[str, Any]]]:
    with duckdb.connect() as connection:
        connection.register("documents", table(rows))
        connection.execute(f"CREATE TABLE decided AS {decider.select('documents')}")
        reasons = dict(connection.execute("SELECT doc_id, reasons FROM decided").fetchall())
        joined = "(SELECT * FROM documents JOIN decided USING (doc_id))"
        return reasons, connection.sql(decider.decisions_view(joined)).to_arrow_table().to_pylist()


ROW = {"words": 75, "quality": 1.0, "ratio": 0.5, "domain": "web", "ok": True, "tags": ["x"]}


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, min_size=1, max_size=60))
def test_reasons_and_decisions_agree_with_python(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    decider = Decider(packs(tmp_path_factory.mktemp("packs")), TYPES)
    reasons, decisions = decide(decider, rows)
    assert reasons == {i: expected(row) for i, row in enumerate(rows)}
    explained: dict[int, set[str]] = {i: set() for i in range(len(rows))}
    for decision in decisions:
        explained[decision["doc_id"]].add(f"{decision['pack']}.{decision['rule']}")
        if decision["op"] == "missing" and decision["term"] in TYPES:
            assert missing(rows[decision["doc_id"]][decision["term"]])
        assert decision["value"] is None or not math.isnan(decision["value"])
    assert explained == {i: set(of) for i, of in reasons.items()}


def test_a_row_of_decisions_says_term_value_and_threshold(tmp_path: Path) -> None:
    row = ROW | {"words": 101, "ratio": 0.75, "domain": "it's", "quality": math.nan}
    _, decisions = decide(Decider(packs(tmp_path), TYPES), [row])
    expected_rows: list[dict[str, Any]] = [
        {"rule": "size", "term": "words", "op": "between", "value": 101, "threshold": 50, "threshold_high": 100},
        {"rule": "quality", "term": "quality", "op": "missing", "threshold": 0.5},
        {"rule": "either", "term": "quality", "op": "missing", "threshold": 0.9},
        {"rule": "either", "term": "ok", "op": "<>", "value_text": "true", "threshold_text": "true"},
        {"rule": "both", "term": "ratio", "op": "<=", "value": 0.75, "threshold": 0.5},
        {"rule": "both", "term": "domain", "op": "in", "value_text": "it's", "threshold_text": "web, code"},
    ]
    empty: dict[str, Any] = dict.fromkeys(DECISION_TYPES) | {"doc_id": 0, "pack": "shape"}
    assert decisions == [empty | expected_row for expected_row in expected_rows]


def test_an_exempt_pack_says_nothing_about_its_source(tmp_path: Path) -> None:
    bad = ROW | {"words": 40, "tags": ["x", "y"]}
    rows = [bad | {"source": "a"}, bad | {"source": "b"}, bad | {"source": None}]
    reasons, decisions = decide(Decider(packs(tmp_path), TYPES, {"b": ["shape"], "c": []}), rows)
    assert reasons == {0: ["shape.size", "tags.short"], 1: ["tags.short"], 2: ["shape.size", "tags.short"]}
    assert {d["pack"] for d in decisions if d["doc_id"] == 1} == {"tags"}


@settings(deadline=None, max_examples=10)
@given(st.lists(ROWS, max_size=20), st.integers(0, 120), st.integers(0, 120))
def test_a_stricter_threshold_keeps_a_part_of_what_the_looser_kept(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], a: int, b: int
) -> None:
    folder = tmp_path_factory.mktemp("packs")
    kept = [
        {i for i, reasons in decide(Decider(packs(folder, min=low), TYPES), rows)[0].items() if not reasons}
        for low in (min(a, b), max(a, b))
    ]
    assert kept[1] <= kept[0]


def test_no_packs_keep_everything() -> None:
    decider = Decider([], TYPES)
    assert decide(decider, [ROW]) == ({0: []}, [])
    assert decider.masks == ()


def test_more_comparisons_than_one_mask_holds(tmp_path: Path) -> None:
    rules = "".join(f"  - {{name: r{i}, keep: words <> {i} and words <> {i + 1000}, reason: x}}\n" for i in range(70))
    (tmp_path / "many.yaml").write_text(f"version: 1\nname: many\ntitle: t\ncitation: c\nrules:\n{rules}")
    decider = Decider([bind_pack(read_pack(tmp_path / "many.yaml"))], TYPES, {"b": ["many"]})
    assert decider.masks == ("failed_0", "failed_1", "failed_2")
    rows = [ROW | {"words": n, "source": source} for n in (3, 69, 1031, 500, None) for source in ("a", "b")]
    reasons, decisions = decide(decider, rows)
    assert [reasons[i] for i in (0, 2, 4, 6)] == [["many.r3"], ["many.r69"], ["many.r31"], []]
    assert len(reasons[8]) == 70
    assert not any(reasons[i] for i in (1, 3, 5, 7, 9))
    assert [d["threshold"] for d in decisions if d["doc_id"] == 4] == [1031]


def test_a_rule_of_more_comparisons_than_a_mask_is_refused(tmp_path: Path) -> None:
    keep = " and ".join(f"words <> {i}" for i in range(BITS + 1))
    (tmp_path / "x.yaml").write_text(
        f"version: 1\nname: x\ntitle: t\ncitation: c\nrules:\n  - name: r\n    reason: x\n    keep: {keep}\n"
    )
    with pytest.raises(SpecError, match=r"x.yaml:8: a rule may have 63 comparisons"):
        Decider([bind_pack(read_pack(tmp_path / "x.yaml"))], TYPES)


def test_the_id_follows_what_decides_and_nothing_else(tmp_path: Path) -> None:
    base = Decider(packs(tmp_path), TYPES).id
    assert base == Decider(packs(tmp_path), TYPES | {"more": pa.int8()}).id
    assert base == Decider(packs(tmp_path, min=50), TYPES, {"a": []}).id
    others = {
        Decider(packs(tmp_path, min=51), TYPES).id,
        Decider(packs(tmp_path), TYPES, {"a": ["shape"]}).id,
        Decider(packs(tmp_path)[::-1], TYPES).id,
        Decider(packs(tmp_path)[:1], TYPES).id,
    }
    assert len({base, *others}) == 5
    assert len(base) == 32
