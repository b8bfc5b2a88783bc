from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.kernels.buffers import text_buffers


def texts_of(array: pa.LargeStringArray) -> list[str]:
    """Cut the texts out of the buffers."""
    data, offsets = text_buffers(array)
    return [data[a:b].tobytes().decode() for a, b in pairwise(offsets)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=10), st.data())
def test_a_slice_gives_its_own_texts(texts: list[str], data: st.DataObject) -> None:
    array = pa.array(texts, pa.large_string())
    start = data.draw(st.integers(0, len(texts)))
    end = data.draw(st.integers(start, len(texts)))
    assert texts_of(array) == texts
    assert texts_of(array.slice(start, end - start)) == texts[start:end]


def test_nothing_is_copied() -> None:
    array = pa.array(["one", "two", "three"], pa.large_string())
    data, offsets = text_buffers(array.slice(1))
    _, their_offsets, their_data = array.buffers()
    assert data.ctypes.data == their_data.address
    assert offsets.ctypes.data == their_offsets.address + 8
    assert (str(data.dtype), str(offsets.dtype), offsets.tolist()) == ("uint8", "int64", [3, 6, 11])


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_texts_without_bytes(texts: list[str]) -> None:
    assert texts_of(pa.array(texts, pa.large_string())) == texts


def test_bytes_are_texts_too() -> None:
    assert texts_of(pa.array([b"a", b"bc"], pa.large_binary())) == ["a", "bc"]


@pytest.mark.parametrize("array", [pa.array(["a"]), pa.array([1]), pa.array(["a"], pa.string_view())])
def test_other_types_are_refused(array: pa.Array) -> None:
    with pytest.raises(TypeError, match=f"expected large_string, got {array.type}"):
        text_buffers(array)


def test_nulls_are_refused() -> None:
    with pytest.raises(TypeError, match="expected no nulls"):
        text_buffers(pa.array(["a", None], pa.large_string()))
