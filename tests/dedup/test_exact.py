from __future__ import annotations

import numpy as np
import pyarrow as pa

from datamix.dedup.exact import distinct_rows, exact_groups

HASHES = pa.array([b"bb", b"aa", b"bb", b"cc", b"aa"], pa.binary(2))


def test_equal_hashes_have_one_number() -> None:
    groups = exact_groups(HASHES)
    assert groups.dtype == np.int64
    assert groups[0] == groups[2]
    assert groups[1] == groups[4]
    assert len(set(groups.tolist())) == 3


def test_distinct_rows_are_the_first_of_each_text_in_order() -> None:
    rank = np.array([2, 1, 3, 4, 0])  # by hash, and the last document's id before the second's
    assert distinct_rows(exact_groups(HASHES), rank).tolist() == [4, 0, 3]
