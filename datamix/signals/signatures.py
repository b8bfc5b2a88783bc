"""MinHash signatures, from which near-duplicates are found."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.kernels.buffers import text_buffers
from datamix.kernels.minhash import Signatures, sign, word_codes
from datamix.kernels.unicode import UNICODE_VERSION
from datamix.signals.family import Column

_VERSION = 1


@dataclass(frozen=True)
class SignatureFamily:
    r"""The signatures of shingles of words, equal to those of `datasketch.MinHash(permutations, seed)`.

    A signature's bytes are uint32, little-endian, so `np.frombuffer(signature, "<u4")` loads it, and
    `datasketch.LeanMinHash(seed=seed, hashvalues=..., scheme="affine32")` makes it comparable with datasketch's own.

    Args:
        ngram: words in a shingle.
        permutations: values in a signature.
        seed: of the permutations.
    """

    ngram: int = 5
    permutations: int = 128
    seed: int = 1

    name = "signatures"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The signature, and how many shingles it is made of."""
        return (
            Column(
                "signature",
                pa.binary(4 * self.permutations),
                f"MinHash of the sets of {self.ngram} consecutive lower-case words: {self.permutations} values uint32, "
                "little-endian, in datasketch 2's scheme affine32; all ones where there is no shingle (Broder 1997).",
                cold=True,
            ),
            Column(
                "shingles",
                pa.int32(),
                f"Shingles of {self.ngram} words, repeated ones counted each time; 0 where the document has fewer "
                "words, and then it is compared by its text hash only.",
                cold=True,
            ),
        )

    def definition(self) -> dict[str, Any]:
        """Return what determines the signatures; the tables of word characters are Python's own."""
        return {
            "version": _VERSION,
            "ngram": self.ngram,
            "permutations": self.permutations,
            "seed": self.seed,
            "scheme": "affine32",
            "unicode": UNICODE_VERSION,
        }

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Return `signature` (fixed-size binary, 4 * permutations bytes) and `shingles` (int32) for `texts`."""
        signatures = np.empty((len(texts), self.permutations), "<u4")
        shingles = np.empty(len(texts), np.int32)
        if len(texts):
            data, offsets = text_buffers(texts)
            multipliers, increments = _permutations(self.permutations, self.seed)
            sign(data, offsets, word_codes(), self.ngram, multipliers, increments, signatures, shingles)
        return {
            "signature": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(4 * self.permutations), len(texts), [None, pa.py_buffer(signatures)]
            ),
            "shingles": pa.array(shingles),
        }


def signature_matrix(column: pa.FixedSizeBinaryArray) -> Signatures:
    """Return the signatures of a column as uint32 [n, permutations], read-only, without a copy."""
    width = column.type.byte_width
    view = np.frombuffer(column.buffers()[1], "<u4", len(column) * width // 4, column.offset * width)
    return view.reshape(len(column), width // 4)


@functools.cache
def _permutations(count: int, seed: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return datasketch's multipliers and increments, each uint32 [count]."""
    from datasketch import MinHash  # here, since it takes a third of a second

    multipliers, increments = MinHash(count, seed=seed, scheme="affine32").permutations
    return multipliers, increments
