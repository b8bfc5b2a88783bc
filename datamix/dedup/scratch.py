"""The shingle sets of texts that come once, in any order, and together need not fit the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from datamix.dedup.jaccard import Rows, ShingleSets, shingle_sets
from datamix.errors import StoreError


def collect_sets(
    batches: Iterable[tuple[Rows, pa.LargeStringArray]], ngram: int, among: int, folder: Path
) -> tuple[Rows, ShingleSets]:
    """Return the rows in the order in which they came, and their sets of shingles, mapped from a scratch file.

    Args:
        batches: (int64 [k], rows; their texts).
        ngram: words in a shingle.
        among: how many texts will come in all, or more.
        folder: for the scratch file, which has no name, so that nothing is left of it after a kill.

    Raises:
        StoreError: the disk is full, or the folder can't be written.
    """
    rows, bounds = [np.empty(0, np.int64)], [np.zeros(1, np.int64)]
    total = 0
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below, while its map stays
    with file:
        for numbers, texts in batches:
            sets = shingle_sets(texts, ngram, among)
            with _writing(folder):
                sets.hashes.tofile(file)
            rows.append(numbers)
            bounds.append(sets.bounds[1:] + total)
            total += len(sets.hashes)
        hashes = np.memmap(file, np.uint64, "r+", shape=total) if total else np.empty(0, np.uint64)
    return np.concatenate(rows), ShingleSets(np.asarray(hashes), np.concatenate(bounds))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"can't write a scratch file in {folder}: {reason}; free some space and run again") from None
