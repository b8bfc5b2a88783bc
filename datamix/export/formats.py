"""What an output format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datamix.export.shard import Shard


@dataclass(frozen=True)
class Format:
    """An output format: adding one is one file and one row in `datamix.export.emit.FORMATS`.

    Args:
        name: as on the command line.
        content: what its shards hold, a sentence for the manifest.
        prefix: how its files' names begin; a number follows.
        suffix: how they end.
        text: its shards hold text: it reads the caches of the tokenizer `bytes`, not those of the plan's.
        write: writes a shard under a temporary name, the same bytes each time.
    """

    name: str
    content: str
    prefix: str
    suffix: str
    text: bool
    write: Callable[[Shard, Path], None]

    def file_name(self, number: int) -> str:
        """Return the name of the shard with this number, counted from 0."""
        return f"{self.prefix}-{number:05d}{self.suffix}"
