"""What is to be emitted: a plan, where its tokens lie, and the form and place of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datamix.export.pieces import Order
from datamix.export.shard import Caches

SHARD_BYTES = 128 * 1024**2


class Plan(Protocol):
    """What an emission needs of a plan."""

    @property
    def sequence_length(self) -> int:
        """In tokens."""

    @property
    def sequences(self) -> int:
        """Sequences of all phases."""

    @property
    def components(self) -> Sequence[str]:
        """Their names, in the order of the numbers that `order` gives."""

    def order(self, start: int, stop: int) -> Order:
        """Return the component that each of the sequences [start, stop) draws from: uint16 [stop - start]."""


@dataclass(frozen=True)
class PlanTokenizer:
    """The tokenizer that a plan counts in: its name, its hash, and the dtype of its ids."""

    name: str
    hash: str
    dtype: str


@dataclass(frozen=True)
class Emission:
    """What to write, and from what.

    Args:
        folder: where to; absent, empty, or of an earlier call with the same plan and format.
        format: a name in `datamix.export.emit.FORMATS`.
        plan_hash: of the plan.
        tokenizer: that the plan counts in.
        uses: Parquet file of the plan's uses, with the columns of `datamix.export.uses.USES`.
        caches: opens the token cache of (source, shard): of the plan's tokenizer, or for a text format of `bytes`.
        shard_bytes: about how large a shard is before compression.
    """

    folder: Path
    format: str
    plan_hash: str
    tokenizer: PlanTokenizer
    uses: Path
    caches: Caches
    shard_bytes: int = SHARD_BYTES
