"""Emission: a plan of the store written out as training shards, on the engine."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from datamix.engine.engine import EngineName
from datamix.engine.start import start_engine
from datamix.errors import InputError, SpecError, StoreError, nearest
from datamix.export.emission import Emission, PlanTokenizer
from datamix.export.emit import FORMATS, emit
from datamix.export.manifest import Manifest
from datamix.mixtures.planfile import load_plan
from datamix.pipeline.commits import Commits
from datamix.pipeline.publication import publish_catalog
from datamix.pipeline.report import Progress
from datamix.signals.tokenizers import BYTES, BytesTokenizer, load_tokenizer
from datamix.spec.project import ProjectFile, Source
from datamix.storage.journal import Entry
from datamix.storage.parts import Part
from datamix.storage.reader import ShardReader
from datamix.storage.shards import Shard
from datamix.storage.store import Store, fingerprint
from datamix.storage.token_cache import TokenCache, TokenCacheWriter


@dataclass(frozen=True)
class EmitOptions:
    """How to emit.

    Args:
        format: a name in `datamix.export.emit.FORMATS`.
        out: the folder to write to.
        engine: `ray` or `local`.
        workers: tasks at once; by default all processors.
    """

    format: str
    out: Path
    engine: EngineName = "ray"
    workers: int | None = None


@dataclass(frozen=True)
class Caches:
    """Opens the token caches of a store: a value for workers."""

    store: Path
    tokenizer_hash: str
    parts: dict[tuple[str, str], Part]

    def __call__(self, source: str, shard: str) -> TokenCache:
        """Open the token cache of (source, shard).

        Raises:
            StoreError: it is missing, damaged, or of another tokenizer.
        """
        part = self.parts[source, shard]
        return TokenCache.open(self.store / part.path, self.tokenizer_hash, part)


@dataclass(frozen=True)
class BytesCacheTask:
    """All that a worker needs to write the bytes of a shard's texts for random access."""

    root: Path
    store: Path
    source: Source
    shard: Shard
    path: str


def write_bytes_cache(task: BytesCacheTask) -> Part:
    """Write the token cache of the tokenizer `bytes` for one shard: its texts, to be read at random.

    Raises:
        InputError: the input is no longer what was measured.
    """
    tokenizer = BytesTokenizer()
    try:
        with TokenCacheWriter(task.store, task.path, tokenizer.hash, tokenizer.dtype) as writer:
            for batch in ShardReader(task.shard, task.source.text_only(), task.root):
                writer.append(*tokenizer.encode(batch.documents.column("text")))
    except InputError:
        raise InputError(
            f"{task.shard.file.path} is not as it was when the plan was made; `datamix run`, `datamix mix plan`, and "
            "emit the new plan"
        ) from None
    return writer.part


def find_plan(store: Store, name: str) -> Entry:
    """Return the journal's entry of a plan: by a beginning of its hash, or the latest one of a mixture.

    Raises:
        SpecError: there is none, or several hashes begin so.
    """
    plans = store.journal.entries("plans")
    by_hash = [plan for key, plan in plans.items() if key.startswith(name.lower())]
    if len(by_hash) == 1:
        return by_hash[0]
    by_name = [plan for plan in plans.values() if plan["ledger"]["name"] == name]
    if by_name:
        return max(by_name, key=lambda plan: str(plan["created"]))
    if by_hash:
        raise SpecError(f"{len(by_hash)} plans begin with {name!r}; give more of the hash")
    known = [plan["ledger"]["name"] for plan in plans.values()]
    listed = ", ".join(f"{plan['ledger']['name']} ({key[:12]})" for key, plan in plans.items()) or "none"
    raise SpecError(f"no plan {name!r}{nearest(name, known)}; there are: {listed}. `datamix mix plan SPEC` makes one")


def emit_plan(file: ProjectFile, name: str, options: EmitOptions, progress: Progress) -> Manifest:
    """Write a plan's training shards, note the emission, and publish the catalog.

    Raises:
        SpecError: no such plan or format, or the folder holds something else.
        StoreError: a token cache is missing or damaged, or what was written is not what the plan says.
    """
    started = time.perf_counter()
    if options.format not in FORMATS:
        raise SpecError(
            f"--format: unknown format {options.format!r}{nearest(options.format, FORMATS)}; "
            f"there are {', '.join(FORMATS)}"
        )
    store = Store.open(file.store_folder)
    with store.lock():
        entry = find_plan(store, name)
        engine = start_engine(options.engine, options.workers)
        try:
            counted = load_tokenizer(*_tokenizer(file, entry))
            wanted = BYTES if FORMATS[options.format].text else counted.hash
            progress.stage("tokens", len(entry["inputs"]))
            parts = _ids(entry) if wanted != BYTES else {}
            tasks = _bytes_tasks(file, store, entry) if wanted == BYTES else []
            missing: list[BytesCacheTask] = []
            for task in tasks:
                known = store.journal.read("tokens", fingerprint(task.path))
                if known is None or not Part(**known).is_there(store.folder):
                    missing.append(task)
                else:
                    parts[task.source.name, task.shard.key] = Part(**known)
            progress.advance(len(parts))
            for i, part in engine.map(write_bytes_cache, missing):
                task = missing[i]
                store.journal.write("tokens", fingerprint(task.path), asdict(part))
                parts[task.source.name, task.shard.key] = part
                progress.advance()
            progress.stage("emit", None)
            emission = Emission(
                options.out.resolve(),
                options.format,
                entry["plan"],
                PlanTokenizer(counted.name, counted.hash, counted.dtype.name),
                store.folder / entry["uses"],
                Caches(store.folder, wanted, parts),
            )
            manifest = emit(emission, load_plan(store.folder / entry["path"]), engine.map)
        finally:
            engine.close()
        _note(store, entry, options, manifest, time.perf_counter() - started)
        publish_catalog(store, Commits(store.journal))
    return manifest


def _tokenizer(file: ProjectFile, entry: Entry) -> tuple[str, str]:
    """Return the tokenizer that the plan counts in: `bytes`, or the project's file, and its hash."""
    wanted = entry["pins"]["tokenizer"]
    if wanted == BYTES:
        return BYTES, BYTES
    return str((file.root / file.project.measure.tokenizer).resolve()), wanted


def _ids(entry: Entry) -> dict[tuple[str, str], Part]:
    """Return the token ids that the plan counted, by source and shard."""
    found: dict[tuple[str, str], Part] = {}
    for planned in entry["inputs"]:
        shard = Shard.from_json(planned["shard"])
        if planned["ids"] is None:
            raise StoreError(f"the tokens of {shard.source}/{shard.key} were not stored; `datamix mix plan` again")
        found[shard.source, shard.key] = Part(**planned["ids"])
    return found


def _bytes_tasks(file: ProjectFile, store: Store, entry: Entry) -> list[BytesCacheTask]:
    """Return a task for the texts of each shard of the plan, as its input was when it was measured."""
    sources = {source.name: source for source in file.project.sources}
    tasks = []
    for planned in entry["inputs"]:
        shard = Shard.from_json(planned["shard"])
        if shard.source not in sources:
            raise SpecError(f"the plan uses the source {shard.source!r}, which is no longer in datamix.yaml")
        source = sources[shard.source]
        name = f"{shard.key}-{fingerprint([shard.identity(), source.text])}"
        path = f"tokens/{BYTES}/{source.name}/{name}.tokens"
        tasks.append(BytesCacheTask(file.root.resolve(), store.folder, source, shard, path))
    return tasks


def _note(store: Store, entry: Entry, options: EmitOptions, manifest: Manifest, seconds: float) -> None:
    out = options.out.resolve()
    name = fingerprint([entry["plan"], options.format, str(out)])
    store.journal.write(
        "emissions",
        name,
        {
            "emission": name,
            "plan": entry["plan"],
            "format": options.format,
            "path": str(out),
            "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
            "shards": len(manifest.shards),
            "documents": sum(count.documents for count in manifest.components.values()),
            "sequences": sum(count.sequences for count in manifest.components.values()),
            "tokens": sum(count.tokens for count in manifest.components.values()),
            "bytes": sum(shard.bytes for shard in manifest.shards),
            "seconds": round(seconds, 3),
        },
    )
