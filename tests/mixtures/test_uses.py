"""Sampling lines and uses: every token accounted for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.mixtures.line import SamplingLine
from datamix.mixtures.plan import Plan, plan
from datamix.mixtures.uses import uses
from datamix.spec.mixture import Mixture
from tests.mixtures.specs import mixtures

SCHEMA = {
    "component": pa.dictionary(pa.int32(), pa.string()),
    "phase": pa.dictionary(pa.int32(), pa.string()),
    "epoch": pa.int32(),
    "doc_id": pa.binary(16),
    "source": pa.string(),
    "shard": pa.string(),
    "shard_row": pa.int32(),
    "doc_offset": pa.int64(),
    "tokens": pa.int64(),
    "line_start": pa.int64(),
    "first_sequence": pa.int64(),
    "last_sequence": pa.int64(),
}


def documents_of(component: int, tokens: list[int]) -> pa.Table:
    ids = [bytes([component]) + i.to_bytes(15, "big") for i in range(len(tokens))]
    return pa.table(
        {
            "doc_id": pa.array(ids, pa.binary(16)),
            "tokens": pa.array(tokens, pa.int64()),
            "source": pa.array([f"s{component}"] * len(tokens), pa.string()),
            "shard": pa.array([f"part-{i // 4}" for i in range(len(tokens))], pa.string()),
            "shard_row": pa.array([i % 4 for i in range(len(tokens))], pa.int32()),
        }
    )


@st.composite
def planned(draw: st.DrawFn) -> tuple[Plan, dict[str, pa.Table]]:
    mixture = draw(mixtures())
    documents = {}
    for k, name in enumerate(mixture.components):
        sizes = draw(st.lists(st.sampled_from([0, 1, 5, 16, 40, 2000]), min_size=1, max_size=9).filter(any))
        # Few epochs, whatever was drawn: the cost of a test, not of a plan.
        sizes.append(mixture.tokens // 7)
        documents[name] = documents_of(k, sizes)
    stock = {name: sum(table["tokens"].to_pylist()) for name, table in documents.items()}
    return plan(mixture, stock), documents


@settings(deadline=None, max_examples=60)
@given(planned())
def test_every_token_is_accounted_for(case: tuple[Plan, dict[str, pa.Table]]) -> None:
    made, documents = case
    table = uses(made, documents)
    assert {field.name: field.type for field in table.schema} == SCHEMA
    length = made.sequence_length
    order = made.order(0, made.sequences)
    rows = table.to_pylist()
    for k, name in enumerate(made.components):
        sizes = dict(zip(documents[name]["doc_id"].to_pylist(), documents[name]["tokens"].to_pylist(), strict=True))
        places = np.flatnonzero(order == k)
        own = [row for row in rows if row["component"] == name]
        position = 0
        taken: Counter[tuple[bytes, int]] = Counter()
        for row in own:
            # The line has no gap, no document is used out of turn, and a document goes on where it was left.
            assert row["line_start"] == position
            assert row["epoch"] == position // made.stock[name]
            assert row["doc_offset"] == taken[row["doc_id"], row["epoch"]]
            taken[row["doc_id"], row["epoch"]] += row["tokens"]
            first, last = position // length, (position + row["tokens"] - 1) // length
            assert (row["first_sequence"], row["last_sequence"]) == (places[first], places[last])
            phase = next(p for p in made.phases if p.name == row["phase"])
            assert phase.start <= row["first_sequence"] <= row["last_sequence"] < phase.end
            position += row["tokens"]
        assert position == made.drawn()[k] * length
        # All documents of an epoch are used up before the next one begins.
        for epoch in range(position // made.stock[name]):
            assert {doc: taken[doc, epoch] for doc in sizes if sizes[doc]} == {d: n for d, n in sizes.items() if n}
        for phase in made.phases:
            tokens = sum(row["tokens"] for row in own if row["phase"] == phase.name)
            assert tokens == phase.sequences[k] * length
    assert len({(row["doc_id"], row["epoch"], row["phase"]) for row in rows}) == len(rows)


@settings(deadline=None, max_examples=30)
@given(planned(), st.randoms())
def test_the_order_of_the_input_does_not_matter(case: tuple[Plan, dict[str, pa.Table]], random: object) -> None:
    made, documents = case
    shuffled = {}
    for name, table in documents.items():
        rows = list(range(len(table)))
        random.shuffle(rows)  # type: ignore[attr-defined]
        shuffled[name] = table.take(rows)
    assert uses(made, shuffled).equals(uses(made, documents))


def test_each_epoch_has_an_order_of_its_own() -> None:
    line = SamplingLine(documents_of(0, [3] * 100), seed=5)
    first, second = line.epoch(0)[0].tolist(), line.epoch(1)[0].tolist()
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert first != SamplingLine(documents_of(0, [3] * 100), seed=6).epoch(0)[0].tolist()


def test_documents_that_went_leave_the_others_in_their_order() -> None:
    table = documents_of(0, [3] * 100)
    whole = [i for i in SamplingLine(table, seed=5).epoch(0)[0].tolist() if i % 3]
    part = table.take([i for i in range(100) if i % 3])
    kept = [i for i in range(100) if i % 3]
    assert [kept[i] for i in SamplingLine(part, seed=5).epoch(0)[0].tolist()] == whole


def _one(tokens: int) -> Mixture:
    return Mixture.model_validate(
        {
            "version": 1, "name": "m", "tokens": tokens, "sequence_length": 10,
            "components": {"a": {"domain": "a"}, "b": {"domain": "b"}},
            "phases": [{"name": "p", "weights": {"a": 1}}],
        }
    )  # fmt: skip


def test_documents_other_than_the_plan_was_made_for_are_refused() -> None:
    made = plan(_one(100), {"a": 1000, "b": 0})
    with pytest.raises(StoreError, match="'a' has documents of 999 tokens, but the plan was made for 1,000"):
        uses(made, {"a": documents_of(0, [999]), "b": documents_of(1, [])})


def test_a_component_without_weight_needs_no_documents() -> None:
    made = plan(_one(100), {"a": 1000, "b": 0})
    table = uses(made, {"a": documents_of(0, [400, 600]), "b": documents_of(1, [])})
    assert table["component"].to_pylist() == ["a"]
    assert table["tokens"].to_pylist() == [100]


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("doc_id", pa.array([b"short"]), "'doc_id' of a component's documents is not"),
        ("tokens", pa.array([None], pa.int64()), "1 values of 'tokens'"),
    ],
)
def test_broken_documents_are_refused(column: str, values: pa.Array, says: str) -> None:
    table = documents_of(0, [10])
    with pytest.raises(StoreError, match=says):
        SamplingLine(table.set_column(table.schema.get_field_index(column), column, values), 0)
