"""Write a plan's training shards: in its order, in parallel, resumable, and counted against the plan."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from datamix.errors import SpecError, StoreError, nearest
from datamix.export.emission import Emission, Plan
from datamix.export.formats import Format
from datamix.export.manifest import DOCUMENTS, Count, EmissionFolder, FileEntry, Manifest, PhaseEntry, ShardEntry
from datamix.export.pieces import Int64s
from datamix.export.shard import Caches, Shard, ShardTask
from datamix.export.tasks import Layout, identify, lay_out
from datamix.export.text_jsonl import JSONL
from datamix.export.token_parquet import PARQUET
from datamix.export.uses import index_uses
from datamix.storage.files import atomic, file_hash

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in (PARQUET, JSONL)}

RunMap = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[int, Any]]]
"""`Engine.map`: run a task on every item and yield (index, result) as tasks end."""


def emit(emission: Emission, plan: Plan, run: RunMap) -> Manifest:
    """Write all shards of a plan that are not there yet, then `documents.parquet` and `manifest.json`.

    The bytes are the same whatever `run` does, and after any number of kills and calls.

    Args:
        emission: what to write.
        plan: the order of its sequences.
        run: an engine's `map`.

    Raises:
        SpecError: an unknown format, or a folder that holds something else.
        StoreError: the plan, its uses and the token caches do not fit each other, or a file can't be written.
    """
    format_ = FORMATS.get(emission.format)
    if format_ is None:
        raise SpecError(
            f"unknown format {emission.format!r}{nearest(emission.format, FORMATS)}; known: {', '.join(FORMATS)}"
        )
    identity = identify(emission, format_, plan)
    folder = EmissionFolder(emission.folder, identity)
    index = index_uses(emission.uses)
    layout = lay_out(emission, format_, plan, index, identity.shard_sequences)
    folder.finished = _intact(folder, layout.tasks, run)
    missing = [task for task in layout.tasks if task.path.name not in folder.finished]
    if missing:
        folder.begin()
        for _ in run(_verify_cache, [(emission.caches, *cache) for cache in sorted(index.caches)]):
            pass
        for _, entry in run(write_shard, missing):
            folder.record(entry)
    shards = [folder.finished[task.path.name] for task in layout.tasks]
    phases = _compare(layout, shards)
    manifest = Manifest(
        **identity.model_dump(),
        content=format_.content,
        tokenizer=emission.tokenizer.name,
        components={name: _sum([phase.components[name] for phase in phases]) for name in plan.components},
        phases=phases,
        shards=shards,
        documents=_copy_uses(emission),
    )
    folder.finish(manifest)
    return manifest


def write_shard(task: ShardTask) -> ShardEntry:
    """Write one shard and return what the manifest says of it: a task for an engine, idempotent.

    Raises:
        StoreError: as for `emit`.
    """
    shard = Shard(task)
    with atomic(task.path) as temporary:
        FORMATS[task.format].write(shard, temporary)
        size, digest = temporary.stat().st_size, file_hash(temporary)
    phases: dict[str, dict[str, Count]] = {}
    for p, phase in enumerate(shard.phases):
        for c, component in enumerate(task.components):
            if shard.counts[p, c].any():
                phases.setdefault(phase, {})[component] = _count(shard.counts[p, c])
    return ShardEntry(
        file=task.path.name,
        bytes=size,
        xxh3=digest,
        first_sequence=task.first_sequence,
        last_sequence=task.first_sequence + len(task.order) - 1,
        count=_count(shard.counts.sum(axis=(0, 1))),
        phases=phases,
    )


def _intact(folder: EmissionFolder, tasks: Sequence[ShardTask], run: RunMap) -> dict[str, ShardEntry]:
    """Return the entries of the shards that are there as they were written."""
    candidates = [(task, folder.finished[task.path.name]) for task in tasks if task.path.name in folder.finished]
    return {candidates[i][1].file: candidates[i][1] for i, intact in run(_is_intact, candidates) if intact}


def _is_intact(candidate: tuple[ShardTask, ShardEntry]) -> bool:
    task, entry = candidate
    path = task.path
    return path.is_file() and path.stat().st_size == entry.bytes and file_hash(path) == entry.xxh3


def _verify_cache(item: tuple[Caches, str, str]) -> None:
    """Read a whole cache once: afterwards, pieces of it are taken without a checksum of their own."""
    caches, source, shard = item
    caches(source, shard).verify()


def _copy_uses(emission: Emission) -> FileEntry:
    with atomic(emission.folder / DOCUMENTS) as temporary:
        shutil.copyfile(emission.uses, temporary)
        return FileEntry(file=DOCUMENTS, bytes=temporary.stat().st_size, xxh3=file_hash(temporary))


def _compare(layout: Layout, shards: Sequence[ShardEntry]) -> list[PhaseEntry]:
    """Sum up what was written, by phase and component.

    Raises:
        StoreError: it is not what the plan says.
    """
    phases = []
    for planned in layout.phases:
        components = {}
        for component, plan in planned.components.items():
            counts = [shard.phases.get(planned.name, {}).get(component) for shard in shards]
            written = _sum([count for count in counts if count is not None])
            if written != plan:
                raise StoreError(
                    f"phase {planned.name!r}, component {component!r}: wrote {_say(written)}, the plan says "
                    f"{_say(plan)}; run `datamix mix plan` again"
                )
            components[component] = written
        phases.append(planned.model_copy(update={"components": components}))
    return phases


def _count(cell: Int64s) -> Count:
    sequences, tokens, documents = map(int, cell)
    return Count(sequences=sequences, tokens=tokens, documents=documents)


def _sum(counts: Sequence[Count]) -> Count:
    return Count(
        sequences=sum(count.sequences for count in counts),
        tokens=sum(count.tokens for count in counts),
        documents=sum(count.documents for count in counts),
    )


def _say(count: Count) -> str:
    return f"{count.sequences:,} sequences with {count.tokens:,} tokens and {count.documents:,} documents"
