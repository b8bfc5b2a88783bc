from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datamix.kernels.buffers import text_buffers
from datamix.kernels.content import N_CONTENT_COUNTS, measure_content
from datamix.kernels.unicode import code_points

texts = st.text(alphabet=st.sampled_from("ab \n\r\t\x0b\x1c\x85\u2028\u3000\0é中🙂ש")) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"])
)


def measure(batch: list[str]) -> list[tuple[int, int, int, str]]:
    data, offsets = text_buffers(pa.array(batch, pa.large_string()))
    counts = np.full((len(batch), N_CONTENT_COUNTS), -1, np.int64)
    normalised = np.empty(int(offsets[-1] - offsets[0]) + 8, np.uint8)
    ends = np.empty(len(batch) + 1, np.int64)
    measure_content(data, offsets, code_points().flags, counts, normalised, ends)
    return [(*map(int, row), normalised[ends[i] : ends[i + 1]].tobytes().decode()) for i, row in enumerate(counts)]


def expected(text: str) -> tuple[int, int, int, str]:
    return len(text), len(text.splitlines()), len(text.split()), " ".join(text.split())


@settings(deadline=None)
@given(st.lists(texts, max_size=5))
@example(["", " ", "\r\n", "\n\r", "a\r\nb", "\0", " a ", "longer than eight bytes", "中文"])
def test_counts_and_normal_form_are_pythons(batch: list[str]) -> None:
    assert measure(batch) == [expected(text) for text in batch]


@pytest.mark.parametrize("corpus", ["web_html_wetlike_en", "code", "math", "encyclopedic"])
def test_real_documents(shared_data: Path, corpus: str) -> None:
    column = pq.read_table(shared_data / "corpus" / f"{corpus}.parquet", columns=["text"]).column("text")
    batch = column.slice(0, 100).to_pylist()
    assert measure(batch) == [expected(text) for text in batch]


def test_malformed_bytes_pass_through() -> None:
    data, offsets = text_buffers(pa.array([b"\xff \xe2\x80  \xf0\x9f\x99"], pa.large_binary()))
    counts, ends = np.empty((1, 3), np.int64), np.empty(2, np.int64)
    normalised = np.empty(len(data) + 8, np.uint8)
    measure_content(data, offsets, code_points().flags, counts, normalised, ends)
    assert normalised[: ends[1]].tobytes() == b"\xff \xe2\x80 \xf0\x9f\x99"
    assert counts.tolist() == [[9, 1, 3]]
