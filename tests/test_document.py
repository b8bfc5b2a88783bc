from __future__ import annotations

import hashlib
import itertools
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from datamix.document import DOCUMENT, ID, base_ids, document_schema, final_ids, sample_mask
from datamix.errors import SpecError


def documents(rows: list[dict[str, object]]) -> pa.RecordBatch:
    filled = [{"row": i, "text": "x", **row} for i, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(filled, schema=DOCUMENT)


def many_ids(n: int) -> pa.FixedSizeBinaryArray:
    return pa.array([hashlib.md5(str(i).encode(), usedforsecurity=False).digest() for i in range(n)], ID)


def test_carried_columns_follow_the_fixed_ones() -> None:
    assert document_schema(["url", "stars"]).names == [*DOCUMENT.names, "stars"]
    with pytest.raises(SpecError, match="'row' is a name that datamix fills itself"):
        document_schema(["row"])


def test_id_depends_on_source_and_id_alone() -> None:
    ids = base_ids("news", documents([{"id": "a"}, {"id": "a", "text": "other"}, {"id": "b"}])).to_pylist()
    assert ids[0] == ids[1] != ids[2]
    assert base_ids("news2", documents([{"id": "a"}])).to_pylist()[0] != ids[0]
    assert len(ids[0]) == 16


def test_no_two_splits_of_source_and_id_coincide() -> None:
    assert base_ids("a", documents([{"id": "bi"}])) != base_ids("ab", documents([{"id": "i"}]))


def test_without_id_text_time_and_url_decide() -> None:
    rows: list[dict[str, object]] = [
        {"text": "x"},
        {"text": "y"},
        {"text": "x", "created": 0},
        {"text": "x", "created": 1},
        {"text": "x", "url": ""},
        {"text": "x", "url": "u"},
    ]
    assert len(set(base_ids("s", documents(rows)).to_pylist())) == len(rows)
    assert base_ids("s", documents([rows[0]])) == base_ids("s", documents([rows[0]]))


def test_slice_gives_the_ids_of_the_whole() -> None:
    whole = documents([{"id": "a"}, {"text": "é", "url": "u"}, {"text": "third"}, {"id": "d"}])
    assert base_ids("s", whole.slice(1, 2)) == base_ids("s", whole).slice(1, 2)


def test_ids_stay_what_they_are() -> None:
    ids = base_ids("news", documents([{"id": "a"}, {"text": "hello", "created": 10**15, "url": "http://a/"}]))
    head = b"\x04\0\0\0\0\0\0\0news"
    text = head + b"t" + xxhash.xxh3_128_digest(b"hello") + b"+\x00\x80\xc6\xa4\x7e\x8d\x03\x00" + b"+http://a/"
    assert ids.to_pylist() == [xxhash.xxh3_128_digest(head + b"ia"), xxhash.xxh3_128_digest(text)]


def test_final_ids_without_repetition_are_the_base_ids() -> None:
    base = many_ids(100)
    assert final_ids(base, many_ids(100)) is base


def test_final_ids_tell_repeated_ids_apart() -> None:
    names = many_ids(4).to_pylist()
    base = pa.array([names[0], names[0], names[1], names[0], names[0]], ID)
    texts = pa.array([names[2], names[2], names[2], names[3], names[2]], ID)
    ids = final_ids(base, texts).to_pylist()
    assert ids[0] == names[0]
    assert ids[2] == names[1]
    assert len(set(ids)) == 5
    shorter = final_ids(base.slice(0, 4), texts.slice(0, 4)).to_pylist()
    assert shorter == ids[:4]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40))
def test_final_ids_are_unique_and_keep_their_values_when_more_follow(pairs: list[tuple[int, int]]) -> None:
    names = many_ids(4).to_pylist()
    base, texts = pa.array([names[b] for b, _ in pairs], ID), pa.array([names[t] for _, t in pairs], ID)
    ids = final_ids(base, texts).to_pylist()
    assert len(set(ids)) == len(ids)
    half = len(ids) // 2
    assert final_ids(base.slice(0, half), texts.slice(0, half)).to_pylist() == ids[:half]


def test_samples_are_nested_and_of_their_share() -> None:
    ids = many_ids(20_000)
    masks = [sample_mask(ids, share) for share in (0, 0.01, Fraction(1, 10), 0.5, 1)]
    assert [int(mask.sum()) for mask in (masks[0], masks[-1])] == [0, 20_000]
    for smaller, larger in itertools.pairwise(masks):
        assert not (smaller & ~larger).any()
    for mask, share in zip(masks[1:4], (0.01, 0.1, 0.5), strict=True):
        assert abs(mask.mean() - share) < 4 * np.sqrt(share * (1 - share) / 20_000)
    assert (sample_mask(ids.slice(5_000), 0.5) == masks[3][5_000:]).all()
