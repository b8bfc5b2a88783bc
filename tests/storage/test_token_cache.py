from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.storage.parts import Part
from datamix.storage.token_cache import TokenCache, TokenCacheWriter

HASH = "ab" * 32


def write(folder: Path, documents: list[list[int]], dtype: str = "uint16", batch: int = 2, name: str = "a.tok") -> Part:
    with TokenCacheWriter(folder, name, HASH, dtype) as writer:
        for start in range(0, len(documents), batch):
            part = documents[start : start + batch]
            ids = np.array([9, *(i for document in part for i in document)], dtype)  # a view that starts at 1
            writer.append(ids, 1 + np.cumsum([0, *map(len, part)], dtype=np.int64))
    return writer.part


@settings(max_examples=30, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, 255), max_size=9), max_size=12),
    dtype=st.sampled_from(["uint8", "uint16", "uint32"]),
    batches=st.tuples(st.integers(1, 5), st.integers(1, 12)),
)
def test_what_was_written_is_read_whatever_the_batches(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], dtype: str, batches: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    first, second = (write(folder, documents, dtype, batch) for batch in batches)
    assert first == second
    assert first.rows == len(documents)
    cache = TokenCache.open(folder / "a.tok", HASH, first)
    cache.verify()
    assert cache.all_ids.dtype == np.dtype(dtype)
    assert [cache.ids(i, i + 1).tolist() for i in range(cache.documents)] == documents
    if documents:
        assert cache.ids(0, len(documents)).tolist() == list(chain(*documents))
    assert cache.tokens == sum(map(len, documents))


def test_bit_flips_and_truncations_are_detected(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    part = write(tmp_path, [rng.integers(0, 60_000, n).tolist() for n in (5, 0, 40, 3)])  # 96 bytes: no padding
    path = tmp_path / "a.tok"
    intact = path.read_bytes()

    def opens(data: bytes, committed: Part | None) -> bool:
        path.write_bytes(data)
        try:
            TokenCache.open(path, HASH, committed).verify()
        except StoreError:
            return False
        return True

    assert opens(intact, part)
    assert opens(intact, None)
    for at in range(len(intact)):
        flipped = bytearray(intact)
        flipped[at] ^= 1 << rng.integers(8)
        assert not opens(bytes(flipped), None), at
    assert not any(opens(intact[:length], None) for length in range(len(intact)))
    assert not opens(intact + b"\0", None)


def test_another_file_than_the_committed_one_is_refused(tmp_path: Path) -> None:
    part = write(tmp_path, [[1, 2], [3]])
    write(tmp_path, [[1, 2], [4]])
    with pytest.raises(StoreError, match="checksum differs"):
        TokenCache.open(tmp_path / "a.tok", HASH, part).verify()
    write(tmp_path, [[1, 2, 3, 4, 5, 6]])
    with pytest.raises(StoreError, match="the journal speaks of 2 documents"):
        TokenCache.open(tmp_path / "a.tok", HASH, part)


def test_missing_foreign_and_out_of_range(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2], [3]])
    with pytest.raises(StoreError, match="missing"):
        TokenCache.open(tmp_path / "b.tok", HASH)
    with pytest.raises(StoreError, match=r"of the tokenizer abab.*, not cdcd"):
        TokenCache.open(tmp_path / "a.tok", "cd" * 32)
    cache = TokenCache.open(tmp_path / "a.tok", HASH)
    for row in (-1, 2):
        with pytest.raises(StoreError, match="has 2 documents"):
            cache.spans(np.array([0, row]))
    assert not cache.all_ids.flags.writeable


def test_damaged_offsets_never_leave_the_file(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2], [3]])
    path = tmp_path / "a.tok"
    data = bytearray(path.read_bytes())
    data[24] = 200  # the end of document 0, behind 3 ids and their padding
    path.write_bytes(data)
    with pytest.raises(StoreError, match="offsets point outside"):
        TokenCache.open(path, HASH).spans(np.array([0, 1]))


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    writer = TokenCacheWriter(tmp_path, "a.tok", HASH, np.uint16)
    with pytest.raises(TypeError, match="expected ids of uint16"), writer:
        writer.append(np.zeros(3, np.uint32), np.array([0, 3]))
    assert list(tmp_path.iterdir()) == []
