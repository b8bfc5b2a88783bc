"""The matrices of a fastText model, dense or coded by a product quantiser, decoded by blocks of rows.

Product quantisation of classifiers is that of Joulin et al. 2016, "FastText.zip" (https://arxiv.org/abs/1612.03651).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from datamix.errors import ModelError

CENTROIDS = 256
"""Centroids of each part of a product quantiser: a code is one byte."""

Floats = npt.NDArray[np.float32]


class Matrix(Protocol):
    """A matrix in the file, of which blocks of rows are decoded on demand."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> int:
        """Number of columns."""

    def block(self, start: int, end: int) -> Floats:
        """Return rows [start, end) as a new float32 array [end - start, columns]."""


@dataclass(frozen=True)
class DenseMatrix:
    """A matrix of float32 values that stays in the file at `path`, from byte `offset` on.

    Blocks are read, not mapped: mapped pages count as resident memory, and a map of a file that shrinks is fatal.
    """

    path: Path
    offset: int
    rows: int
    columns: int

    def block(self, start: int, end: int) -> Floats:
        """Return rows [start, end) as a new float32 array [end - start, columns].

        Raises:
            ModelError: the file shrank.
        """
        count, at = (end - start) * self.columns, self.offset + 4 * start * self.columns
        values = np.fromfile(self.path, "<f4", count, offset=at).astype(np.float32, copy=False)
        if values.size != count:
            raise ModelError(
                f"{self.path}: the model ended at byte {at + 4 * values.size} while it was read; fetch it again"
            )
        return values.reshape(end - start, self.columns)


@dataclass(frozen=True)
class ProductQuantiser:
    """Centroids of the parts into which a vector is cut: parts[p] is float32 [256, width of part p]."""

    parts: tuple[Floats, ...]

    def decode(self, codes: npt.NDArray[np.uint8]) -> Floats:
        """Return the vectors, float32 [n, dimensions], of uint8 codes [n, parts]."""
        return np.concatenate([part[codes[:, p]] for p, part in enumerate(self.parts)], axis=1)


@dataclass(frozen=True)
class QuantisedMatrix:
    """A matrix coded by a product quantiser, its rows' norms by another one or not at all."""

    rows: int
    columns: int
    codes: npt.NDArray[np.uint8]
    quantiser: ProductQuantiser
    norm_codes: npt.NDArray[np.uint8] | None
    norm_quantiser: ProductQuantiser | None

    def block(self, start: int, end: int) -> Floats:
        """Return rows [start, end) as a new float32 array [end - start, columns]."""
        vectors = self.quantiser.decode(self.codes[start:end])
        if self.norm_codes is not None and self.norm_quantiser is not None:
            vectors *= self.norm_quantiser.decode(self.norm_codes[start:end, np.newaxis])
        return vectors
