"""What every family of signals has: a name, columns, a definition, and one function from texts to columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column that a family measures.

    Args:
        name: as in the view `documents`.
        type: its Arrow type.
        description: one sentence: what it counts, its unit and range, and the paper or tool that defines it.
        cold: kept out of the wide parts that the catalog's views read (hashes, signatures).
    """

    name: str
    type: pa.DataType
    description: str
    cold: bool = False


class Family(Protocol):
    """A set of columns that are measured together and kept in one part per shard.

    A family is a picklable value: workers receive it, and load models and compile kernels on first use.
    """

    @property
    def name(self) -> str:
        """The folder under `store/signals/`, like `heuristics` or `score-quality`."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the part's schema."""

    def definition(self) -> dict[str, Any]:
        """Return all that determines the numbers, as JSON: version of the code, parameters, hash of a model."""

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Measure `texts` (no nulls) and return one array of the same length for each column."""
