"""What a run has to do: the shards of all sources, what is measured of each, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from datamix.errors import SpecError
from datamix.pipeline.commits import Commit, Commits, Measured
from datamix.pipeline.measure import DOCUMENTS, QUARANTINE, MeasureTask, Wanted
from datamix.signals.family import Family
from datamix.signals.tokenizers import BYTES
from datamix.signals.tokens import TokensFamily
from datamix.spec.project import ProjectFile, Source
from datamix.storage.inputs import discover
from datamix.storage.parts import Part
from datamix.storage.reader import definition as reading
from datamix.storage.shards import MAX_BYTES, Shard, shards
from datamix.storage.store import Store, fingerprint

IDS_OF_TOKENS = "tokens-ids"


@dataclass
class ShardState:
    """A shard as its input is now, and its parts.

    Args:
        source: the source that it belongs to.
        shard: the unit of work.
        parts: committed parts by family.
        commits: the commit of each of them.
        missing: what is not measured yet.
    """

    source: Source
    shard: Shard
    parts: dict[str, Measured]
    commits: dict[str, Commit]
    missing: tuple[Wanted, ...]

    def part(self, family: str) -> Part | None:
        """Return the part of a family, if it is measured."""
        measured = self.parts.get(family)
        return None if measured is None else measured.part

    def add(self, commit: Commit) -> None:
        """Take over what a task committed."""
        for measured in commit.parts:
            self.parts[measured.family] = measured
            self.commits[measured.family] = commit
        self.missing = ()


@dataclass
class Inventory:
    """The shards of all sources in order, and those of inputs that vanished."""

    states: list[ShardState]
    vanished: list[Shard]
    definitions: dict[str, Any]

    def shown(self) -> list[dict[str, Any]]:
        """Return the shards and their parts as JSON, for the state that a run reaches."""
        return [
            {
                "shard": state.shard.to_json(),
                "parts": {family: asdict(measured.part) for family, measured in state.parts.items()},
            }
            for state in self.states
        ]

    def missing(self) -> list[ShardState]:
        """Return the shards that a run has to read, largest first: the last task to end is then a small one."""
        return sorted((s for s in self.states if s.missing), key=lambda s: s.shard.start - s.shard.stop)


def take_inventory(
    file: ProjectFile,
    families: Sequence[Family],
    store: Store,
    commits: Commits,
    sample: Fraction | None,
    max_shard_bytes: int = MAX_BYTES,
) -> Inventory:
    """Find the shards of all sources and what is committed of each.

    Raises:
        SpecError: a path matches nothing, or an input lacks a column.
    """
    known = list(dict.fromkeys(commits.shards()))
    of_families = {family.name: family.definition() for family in families}  # once: a definition reads its model
    states: list[ShardState] = []
    definitions: dict[str, Any] = {}
    for i, source in enumerate(file.project.sources):
        wanted = _definitions(source, families, of_families)
        definitions.update({fingerprint(definition): definition for _, definition, _ in wanted})
        try:
            found = shards(discover(source, file.root), source, file.root, max_shard_bytes, known)
        except SpecError as error:
            raise file.document.error(error.message, "sources", i, "path") from None
        states += [_state(source, shard, wanted, commits, sample) for shard in found]
    present = {(s.shard.source, s.shard.file.path) for s in states}
    vanished = [shard for shard in known if (shard.source, shard.file.path) not in present]
    return Inventory(states, vanished, definitions)


def measure_task(file: ProjectFile, store: Store, state: ShardState, sample: Fraction | None) -> MeasureTask:
    """Return the task that measures what is missing of a shard."""
    return MeasureTask(file.root.resolve(), store.folder, state.source, state.shard, state.missing, sample)


def _definitions(
    source: Source, families: Sequence[Family], of_families: Mapping[str, dict[str, Any]]
) -> list[tuple[str, dict[str, Any], Family | None]]:
    """Return (name, definition, family) of all that is measured of a source's documents."""
    everything = reading(source)
    reader = {"reader": everything["version"], "text": everything["text"]}
    return [
        (DOCUMENTS, everything, None),
        (QUARANTINE, reader, None),
        *((family.name, {**reader, "family": family.name, **of_families[family.name]}, family) for family in families),
    ]


def _state(
    source: Source,
    shard: Shard,
    definitions: Sequence[tuple[str, dict[str, Any], Family | None]],
    commits: Commits,
    sample: Fraction | None,
) -> ShardState:
    share = None if sample is None else str(sample)
    parts: dict[str, Measured] = {}
    found: dict[str, Commit] = {}
    missing: list[Wanted] = []
    for name, definition, family in definitions:
        key = fingerprint(definition)
        committed = commits.find(shard, name, key, share)
        if committed is not None:
            found[name], parts[name] = committed
            ids = commits.find(shard, IDS_OF_TOKENS, key, share)
            if name == "tokens" and ids is not None:
                found[IDS_OF_TOKENS], parts[IDS_OF_TOKENS] = ids
            continue
        smaller = commits.find_sample(shard, name, key) if family is not None else None
        suffix = "" if share is None else "-sample-" + share.replace("/", "_")
        stem = f"{source.name}/{shard.key}-{fingerprint([shard.identity(), key])}{suffix}"
        cache = None
        # A count under `bytes` costs nothing, so its ids are written when a mixture is first emitted.
        if isinstance(family, TokensFamily) and family.tokenizer_hash != BYTES and sample is None:
            cache, smaller = f"tokens/{family.tokenizer_hash[:16]}/{stem}.tokens", None
        missing.append(
            Wanted(
                name,
                key,
                f"signals/{name}/{stem}.parquet",
                family,
                reuse=smaller.part.path if smaller is not None else None,
                token_cache=cache,
            )
        )
    return ShardState(source, shard, parts, found, tuple(missing))
