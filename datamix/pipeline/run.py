"""A run: measure what is missing, find duplicates, decide, publish. Incremental and resumable."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from datamix import __version__
from datamix.engine.engine import Engine, EngineName, Item, Result
from datamix.engine.start import start_engine
from datamix.errors import DatamixError, InputError
from datamix.filters.decide import Decider
from datamix.pipeline.collect import collect_superseded, mark_superseded
from datamix.pipeline.commits import Commit, Commits
from datamix.pipeline.decide import Counts, count_decisions, decision_definition, write_decisions
from datamix.pipeline.duplicates import EDGES_VERSION, DuplicatesResult, DuplicatesTask, write_edges
from datamix.pipeline.inventory import Inventory, measure_task, take_inventory
from datamix.pipeline.measure import DOCUMENTS, QUARANTINE, measure_shard, warm
from datamix.pipeline.prepare import prepare
from datamix.pipeline.publication import CURRENT, State, document_columns, publish_catalog
from datamix.pipeline.report import MeasureLog, Progress, Stage, Summary, quarantine_reasons, rate
from datamix.pipeline.tables import model_rows, source_rows
from datamix.pipeline.wide import WideResult, WideTask, group_shards, shard_parts, wide_schema, write_wide
from datamix.signals.family import Family
from datamix.signals.registry import wide_columns
from datamix.spec.project import ProjectFile
from datamix.storage.journal import Entry, Kind
from datamix.storage.parts import Part, read_part
from datamix.storage.shards import MAX_BYTES
from datamix.storage.store import Store, fingerprint


@dataclass(frozen=True)
class RunOptions:
    """How to run; nothing of it changes the bytes of the parts.

    Args:
        engine: `ray` or `local`.
        workers: tasks at once; by default all processors.
        sample: the share of the documents to measure, or None for all.
        max_shard_bytes: the limit of a shard.
        command: what the user called, for the catalog.
    """

    engine: EngineName = "ray"
    workers: int | None = None
    sample: Fraction | None = None
    max_shard_bytes: int = MAX_BYTES
    command: str = "run"


def run(file: ProjectFile, options: RunOptions, progress: Progress) -> Summary:
    """Bring the store up to what the project says, and publish the catalog.

    Raises:
        SpecError: the project can't be run as it is written.
        StoreError: another process writes the store, or it is damaged.
    """
    started = time.perf_counter()
    measured, decider = prepare(file)
    store = Store.create(file.store_folder)
    with store.lock():
        store.collect_orphans()
        return _Run(file, options, progress, store, measured, decider, started).run()


class _Run:
    """One run under the store's lock, from inventory to publication."""

    def __init__(
        self,
        file: ProjectFile,
        options: RunOptions,
        progress: Progress,
        store: Store,
        measured: tuple[Family, ...],
        decider: Decider,
        started: float,
    ) -> None:
        self.file, self.options, self.progress, self.store = file, options, progress, store
        self.families, self.decider, self.started = measured, decider, started
        now = datetime.now(UTC)
        self.run_id = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{secrets.token_hex(2)}"
        self.began = _iso(now)
        self.stages: list[Stage] = []
        self.engine = _LazyEngine(options)
        self.commits = Commits(store.journal)

    def run(self) -> Summary:
        _close_interrupted_runs(self.store)
        outcome: dict[str, Any] = {"status": "failed", "error": "an error that datamix does not know; it was printed"}
        try:
            self._journal(status="running")
            summary, state = self._stages()
            mark_superseded(self.store, state)
            self.store.journal.write("states", CURRENT, asdict(state))
            outcome = {"status": "done", "summary": summary.to_json()}
        except DatamixError as error:
            outcome = {"status": "failed", "error": str(error)}
            raise
        except KeyboardInterrupt:
            outcome = {"status": "interrupted", "error": "interrupted by the user"}
            raise
        finally:
            self.engine.close()
            self._journal(**outcome)
        with self._stage("publish"):
            publish_catalog(self.store, self.commits)
        self._journal(**outcome)  # with the time of this stage, which the next publication shows
        collect_superseded(self.store, state)
        return summary

    def _stages(self) -> tuple[Summary, State]:
        with self._stage("inventory") as stage:
            inventory = take_inventory(
                self.file, self.families, self.store, self.commits, self.options.sample, self.options.max_shard_bytes
            )
            stage.items = len(inventory.states)
        shards_measured = self._measure(inventory)
        wide, repeated = self._wide(inventory)
        edges = self._duplicates(inventory, wide)
        decisions, counts = self._decide(wide, edges)
        names = [source.name for source in self.file.project.sources]
        quarantine = quarantine_reasons(self.store, names, inventory.states)
        sample = None if self.options.sample is None else str(self.options.sample)
        state = State(
            wide=[part.path for part in wide],
            decisions=decisions,
            rules=fingerprint(self._rules()),
            edges=edges,
            columns=document_columns(self.file, wide_columns(self.families)),
            expansion=self.decider.decisions_view("measured"),
            shards=inventory.shown(),
            sources=source_rows(self.file, inventory.states, repeated, counts),
            models=model_rows(self.file, self.families),
            definitions=inventory.definitions,
            sample=sample,
        )
        seconds = time.perf_counter() - self.started
        return (
            Summary(self.run_id, counts, quarantine, seconds, shards_measured, tuple(self.stages), sample),
            state,
        )

    def _measure(self, inventory: Inventory) -> int:
        missing = inventory.missing()
        if not missing:
            return 0
        wanted = {w.name: w.family for state in missing for w in state.missing if w.family is not None}
        with self._stage("compile", len(wanted)) as stage:
            for _ in self.engine.map(warm, [(family,) for family in wanted.values()]):
                self.progress.advance()
            stage.items = len(wanted)
        tasks = [measure_task(self.file, self.store, state, self.options.sample) for state in missing]
        with self._stage("measure", len(tasks)) as stage:
            log = MeasureLog(stage)
            for i, result in self.engine.map(measure_shard, tasks):
                state = missing[i]
                commit = Commit(
                    self.run_id,
                    state.shard,
                    result.documents,
                    result.quarantined,
                    result.bytes,
                    result.unparsed_created,
                    result.content_hash,
                    tuple(result.parts),
                )
                commit.write(self.store.journal)
                self.commits.add(commit)
                state.add(commit)
                log.add(result)
                self.progress.advance()
        self.stages += log.families()
        return len(tasks)

    def _wide(self, inventory: Inventory) -> tuple[list[Part], dict[str, int]]:
        schema = wide_schema(self.file.project.sources, self.families)
        columns = {f.name: tuple(c.name for c in f.columns if not c.cold) for f in self.families}
        what = [str(schema), str(self.options.sample)]
        tasks, known = [], {}
        names = list(dict.fromkeys(state.source.name for state in inventory.states))
        entries = self.store.journal.entries("wide").values()
        written = {part["path"]: Part(**part) for entry in entries for part in entry["parts"]}
        for name in names:
            own = [state for state in inventory.states if state.source.name == name]
            groups = tuple(group_shards(name, own, what))
            entry = self._product("wide", fingerprint([path for path, _ in groups]))
            if entry is None:
                columns_here = {family: names for family, names in columns.items() if names}
                there = tuple(part for path, _ in groups if (part := written.get(path)) is not None)
                task = WideTask(self.store.folder, name, groups, there, schema, columns_here, self.options.sample)
                tasks.append(task)
            else:
                known[name] = WideResult(tuple(Part(**part) for part in entry["parts"]), entry["repeated_ids"])
        if tasks:
            with self._stage("join", len(tasks)) as stage:
                for i, result in self.engine.map(write_wide, tasks):
                    entry = {"parts": [asdict(part) for part in result.parts], "repeated_ids": result.repeated_ids}
                    self.store.journal.write("wide", fingerprint([path for path, _ in tasks[i].groups]), entry)
                    known[tasks[i].source] = result
                    self.progress.advance()
                stage.items = len(tasks)
                stage.bytes = sum(part.bytes for result in known.values() for part in result.parts)
        parts = [part for name in names for part in known[name].parts]
        if not any(part.rows for part in parts):
            raise InputError(self._nothing_read(inventory))
        return parts, {name: known[name].repeated_ids for name in names}

    def _nothing_read(self, inventory: Inventory) -> str:
        """Say why there is no document at all: the first thing that was quarantined, and how often."""
        for state in inventory.states:
            entries = read_part(self.store.folder, state.parts[QUARANTINE].part.path).to_pylist()
            if entries:
                first, total = entries[0], sum(s.commits[QUARANTINE].quarantined for s in inventory.states)
                return (
                    f"no document could be read; {total:,} were quarantined, the first at {state.shard.file.path}:"
                    f"{first['row'] + 1}: {first['reason']}: {first['detail']}; mend the files, or the columns that "
                    "datamix.yaml names"
                )
        return "no document could be read: all files are empty; look at the paths in datamix.yaml"

    def _duplicates(self, inventory: Inventory, wide: Sequence[Part]) -> str:
        dedup = self.file.project.dedup
        # Not the wide parts: a new score changes them, and has nothing to do with duplicates.
        families = (DOCUMENTS, "content", "signatures")
        definition = {
            "documents": [[part.hash for f in families if (part := state.part(f))] for state in inventory.states],
            "sample": str(self.options.sample),
            "near": None if dedup.near is None else dedup.near.model_dump(),
            "version": EDGES_VERSION,
        }
        name = fingerprint(definition)
        path = f"dedup/edges-{name}.parquet"
        if self._product("edges", name) is None:
            shards = tuple((state.source, state.shard, shard_parts(state)) for state in inventory.states)
            task = DuplicatesTask(
                self.file.root.resolve(),
                self.store.folder,
                path,
                tuple(part.path for part in wide),
                shards,
                dedup.near,
                self.options.sample,
            )
            with self._stage("duplicates", 1) as stage:
                for _, result in self.engine.map(write_edges, [task]):
                    self._commit_edges(name, definition, result, stage)
                stage.documents = sum(part.rows for part in wide)
        return path

    def _commit_edges(self, name: str, definition: dict[str, Any], result: DuplicatesResult, stage: Stage) -> None:
        entry = {"definition": definition, "parts": [asdict(part) for part in result.parts], "run_id": self.run_id}
        self.store.journal.write("edges", name, entry)
        stage.items, stage.worker_seconds = result.parts[0].rows, round(result.seconds, 3)
        stage.detail = f"{result.parts[0].rows:,} pairs; {result.texts_read:,} texts read for pairs in doubt"
        self.progress.advance()

    def _decide(self, wide: Sequence[Part], edges: str) -> tuple[str, Counts]:
        project = self.file.project
        paths = [part.path for part in wide]
        definition = {**self._rules(), "wide": paths, "edges": edges}
        name = fingerprint(definition)
        path = f"decisions/{name}.parquet"
        with self._stage("decide") as stage:
            if self._product("decisions", name) is None:
                part = write_decisions(self.store, self.decider, project.dedup, project.sources, paths, edges, path)
                entry = {"definition": definition, "part": asdict(part), "run_id": self.run_id}
                self.store.journal.write("decisions", name, entry)
            counts = count_decisions(self.store, paths, path)
            stage.documents = counts.documents
        return path, counts

    def _rules(self) -> dict[str, object]:
        return decision_definition(self.decider, self.file.project.dedup, self.file.project.sources)

    def _product(self, kind: Kind, name: str) -> Entry | None:
        """Return the journal's entry of parts that are made of measured ones, if they are as they were written.

        DuckDB ignores the checksums of pages, so the files are read and compared: damaged ones are made again.
        """
        entry = self.store.journal.read(kind, name)
        if entry is None:
            return None
        parts = [Part(**part) for part in (entry["parts"] if "parts" in entry else [entry["part"]])]
        return entry if all(part.is_intact(self.store.folder) for part in parts) else None

    @contextmanager
    def _stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Time a stage, and show it."""
        stage = Stage(name)
        self.progress.stage(name, total)
        started = time.perf_counter()
        yield stage
        stage.seconds = round(time.perf_counter() - started, 3)
        stage.worker_seconds = round(stage.worker_seconds, 3)
        stage.megabytes_per_second = rate(stage.bytes, stage.seconds)
        self.stages.append(stage)

    def _journal(self, *, status: str, **more: Any) -> None:
        ended = None if status == "running" else _iso(datetime.now(UTC))
        entry = {
            "run_id": self.run_id,
            "command": self.options.command,
            "started": self.began,
            "ended": ended,
            "seconds": round(time.perf_counter() - self.started, 3),
            "status": status,
            "datamix_version": __version__,
            "engine": self.options.engine,
            "workers": self.engine.workers,
            "sample": None if self.options.sample is None else str(self.options.sample),
            "project_hash": fingerprint(self.file.project.model_dump(mode="json")),
            "project": self.file.project.model_dump(mode="json"),
            "filters": self.decider.definition(),
            "stages": [asdict(stage) for stage in self.stages],
            **more,
        }
        self.store.journal.write("runs", self.run_id, entry)


class _LazyEngine:
    """Starts the engine when the first task comes: a run with nothing to measure starts none."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._engine: Engine | None = None

    @property
    def workers(self) -> int | None:
        return self._engine.workers if self._engine is not None else self._options.workers

    def map(self, task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result]]:
        if self._engine is None:
            self._engine = start_engine(self._options.engine, self._options.workers)
        return self._engine.map(task, items)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _close_interrupted_runs(store: Store) -> None:
    """Mark runs that were killed: their entries still say that they are running, while we hold the lock."""
    for name, entry in store.journal.entries("runs").items():
        if entry["status"] == "running":
            error = "its process ended before it did; what it had committed was kept"
            store.journal.write("runs", name, {**entry, "status": "killed", "error": error})


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
