from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from datamix.dedup.jaccard import Rows, jaccard_of_sets, shingle_sets
from datamix.dedup.scratch import collect_sets
from datamix.errors import StoreError

TEXTS = pa.array([" ".join(f"w{i % k}" for i in range(40 + k)) for k in range(3, 60)] + ["", "one"], pa.large_string())


def batches(order: Rows, sizes: list[int]) -> Iterator[tuple[Rows, pa.LargeStringArray]]:
    for rows in np.split(order, np.cumsum(sizes)):
        yield rows, TEXTS.take(pa.array(rows))


def test_sets_of_texts_that_come_in_any_order(tmp_path: Path) -> None:
    n = len(TEXTS)
    whole = shingle_sets(TEXTS, 3)
    order = np.random.default_rng(4).permutation(n)
    rows, sets = collect_sets(batches(order, [1, 30, 0, 7]), 3, n, tmp_path)
    np.testing.assert_array_equal(rows, order)
    for i, row in enumerate(rows):
        expected = whole.hashes[whole.bounds[row] : whole.bounds[row + 1]]
        np.testing.assert_array_equal(sets.hashes[sets.bounds[i] : sets.bounds[i + 1]], expected)
    a, b = np.triu_indices(n, 1)
    np.testing.assert_array_equal(jaccard_of_sets(sets, a, b), jaccard_of_sets(whole, rows[a], rows[b]))
    assert list(tmp_path.iterdir()) == []


def test_no_texts(tmp_path: Path) -> None:
    rows, sets = collect_sets(iter(()), 5, 0, tmp_path / "new")
    assert len(rows) == len(sets.hashes) == 0
    assert sets.bounds.tolist() == [0]


def test_a_folder_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"can't write a scratch file in .*file/dedup: Not a directory; free"):
        collect_sets(batches(np.arange(3), []), 5, 3, tmp_path / "file" / "dedup")
