"""What is committed: measured parts by source, shard, family and fingerprint, from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from datamix.storage.journal import Journal
from datamix.storage.parts import Part
from datamix.storage.shards import Shard
from datamix.storage.store import fingerprint


@dataclass(frozen=True)
class Measured:
    """One committed part: a family's columns for the documents of a shard.

    Args:
        family: its name.
        definition: the fingerprint of what was measured and how, apart from the input.
        part: the file.
        seconds: how long a worker took for it.
        sample: the share of the documents that it holds, as text; None for all.
    """

    family: str
    definition: str
    part: Part
    seconds: float
    sample: str | None


@dataclass(frozen=True)
class Commit:
    """What one task measured of one shard, written by the driver once all its parts are durable.

    Args:
        run_id: the run that measured it.
        shard: the unit of work; its identity tells whether the input is still the same.
        documents: measured, in the sample.
        quarantined: documents that could not be read.
        bytes: of the measured texts, UTF-8.
        unparsed_created: documents whose `created` is no date.
        content_hash: XXH3-128 of the shard's bytes as they were read; None for Parquet.
        parts: one for each family that the task measured.
    """

    run_id: str
    shard: Shard
    documents: int
    quarantined: int
    bytes: int
    unparsed_created: int
    content_hash: str | None
    parts: tuple[Measured, ...]

    def write(self, journal: Journal) -> None:
        """Make the commit durable. Until then nothing of it exists."""
        entry = {
            "run_id": self.run_id,
            "shard": self.shard.to_json(),
            "documents": self.documents,
            "quarantined": self.quarantined,
            "bytes": self.bytes,
            "unparsed_created": self.unparsed_created,
            "content_hash": self.content_hash,
            "parts": [asdict(measured) for measured in self.parts],
        }
        what = [(measured.family, measured.definition, measured.sample) for measured in self.parts]
        name = f"{self.shard.source}--{self.shard.key}--{fingerprint([self.shard.identity(), sorted(map(str, what))])}"
        journal.write("commits", name, entry)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Commit:
        """Return the commit that `write` wrote."""
        parts = tuple(Measured(**{**part, "part": Part(**part["part"])}) for part in entry["parts"])
        return cls(**{**entry, "shard": Shard.from_json(entry["shard"]), "parts": parts})


class Commits:
    """All commits of a store, to be asked for the part of a family of a shard.

    A part whose file was deleted or cut is not found: it is measured again.
    """

    def __init__(self, journal: Journal) -> None:
        self.all: list[Commit] = []
        self._store = journal.folder.parent
        self._parts: dict[tuple[str, str, str], dict[str | None, tuple[Commit, Measured]]] = {}
        for entry in journal.entries("commits").values():
            self.add(Commit.from_json(entry))

    def add(self, commit: Commit) -> None:
        """Take note of a commit."""
        self.all.append(commit)
        identity = _key(commit.shard)
        for measured in commit.parts:
            by_sample = self._parts.setdefault((identity, measured.family, measured.definition), {})
            by_sample[measured.sample] = (commit, measured)

    def find(self, shard: Shard, family: str, definition: str, sample: str | None) -> tuple[Commit, Measured] | None:
        """Return the part of a family for a shard as its input is now: of all documents, else of that sample."""
        by_sample = self._parts.get((_key(shard), family, definition), {})
        for share in dict.fromkeys((None, sample)):
            if share in by_sample and by_sample[share][1].part.is_there(self._store):
                return by_sample[share]
        return None

    def find_sample(self, shard: Shard, family: str, definition: str) -> Measured | None:
        """Return the largest sample of a shard that was measured, to be reused by a larger one."""
        by_sample = self._parts.get((_key(shard), family, definition), {})
        shares = [
            share for share, found in by_sample.items() if share is not None and found[1].part.is_there(self._store)
        ]
        return by_sample[max(shares, key=Fraction)][1] if shares else None

    def shards(self) -> Iterator[Shard]:
        """Yield the shard of each commit; some repeat."""
        for commit in self.all:
            yield commit.shard


def _key(shard: Shard) -> str:
    return f"{shard.source}/{shard.key}/{fingerprint(shard.identity())}"
