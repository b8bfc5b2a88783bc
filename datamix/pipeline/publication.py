"""What the catalog shows: its tables from the journal, its views from the state that the last run reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datamix.catalog.publish import Views, identifier, publish
from datamix.document import CARRIED
from datamix.errors import StoreError
from datamix.pipeline.commits import Commits
from datamix.pipeline.inventory import ShardState
from datamix.pipeline.measure import QUARANTINE
from datamix.signals.family import Column
from datamix.signals.registry import sql_type
from datamix.spec.project import ProjectFile
from datamix.storage.parts import read_part
from datamix.storage.store import Store, canonical_json

LEADING = ("bytes", "words", "tokens", "language", "language_score", "quality", "toxicity")
"""Measured columns that `documents` always has, first; NULL where the project does not measure them."""

DOCUMENT_COLUMNS = (
    "doc_id", "id", "source", "domain", "file", "row", "created", "created_precision", "url", "host", "license",
    *LEADING, "text_hash", "cluster_id", "cluster_size", "is_keeper", "kept", "reasons", "shard", "shard_row",
)  # fmt: skip
"""The columns that `documents` has in every project."""

_LEADING_TYPES = {"bytes": "BIGINT", "words": "BIGINT", "tokens": "BIGINT", "language": "VARCHAR"}


@dataclass(frozen=True)
class State:
    """What a run reached, as its journal entry keeps it: enough to publish the catalog again.

    Args:
        wide: wide parts, in order.
        decisions: the part with decisions.
        edges: the part with verified pairs.
        columns: SQL of the measured columns of `documents`.
        expansion: SQL of `decisions` over the relation `measured`.
        shards: key of each shard that is present, by source.
        sources: rows of the table `sources`.
        models: rows of the table `models`.
        definitions: what each fingerprint of a part stands for.
        sample: the share of the documents that the catalog shows, or None for all.
    """

    wide: list[str]
    decisions: str
    edges: str
    columns: list[str]
    expansion: str
    shards: dict[str, list[str]]
    sources: list[dict[str, Any]]
    models: list[dict[str, Any]]
    definitions: dict[str, Any]
    sample: str | None


def document_columns(file: ProjectFile, columns: Sequence[Column]) -> list[str]:
    """Return the SQL of the carried and measured columns of `documents`, in order."""
    carried = sorted({name for source in file.project.sources for name in source.columns if name not in CARRIED})
    types = {column.name: sql_type(column.type) for column in columns}
    result = [f"w.{identifier(name)}" for name in carried]
    for name in LEADING:
        kind = _LEADING_TYPES.get(name, "FLOAT")
        result.append(f"w.{identifier(name)}" if name in types else f"NULL::{kind} AS {identifier(name)}")
    result += [f"w.{identifier(name)}" for name in types if name not in (*LEADING, "text_hash")]
    return result


def decidable_columns(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Return the type of every column that a filter or a component may name, from the schema of the wide parts."""
    hidden = ("shard", "shard_row", "offset")
    return {field.name: field.type for field in schema if field.name not in hidden}


def publish_catalog(store: Store, commits: Commits) -> None:
    """Publish the catalog of what the journal says.

    Raises:
        StoreError: no run has ended yet.
    """
    runs = store.journal.entries("runs")
    state = latest_state(store)
    plans = store.journal.entries("plans")
    rows: dict[str, list[dict[str, Any]]] = {
        **_run_rows(runs),
        **_shard_rows(store, commits, state),
        **_plan_rows(plans),
        "sources": state.sources,
        "models": state.models,
        "emissions": list(store.journal.entries("emissions").values()),
        **_job_rows(store),
    }
    views = Views(
        wide=tuple(state.wide),
        decisions=state.decisions,
        edges=state.edges,
        uses=tuple(plan["uses"] for plan in plans.values()),
        columns=tuple(state.columns),
        expansion=state.expansion,
    )
    publish(store.folder, rows, views)


def latest_state(store: Store) -> State:
    """Return what the last run that ended reached.

    Raises:
        StoreError: no run has ended yet.
    """
    states = [entry["state"] for entry in store.journal.entries("runs").values() if entry.get("state")]
    if not states:
        raise StoreError(f"no run of the store in {store.folder} has ended yet; `datamix run` first")
    return State(**states[-1])


def _run_rows(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    own = (
        "run_id", "command", "started", "ended", "seconds", "status", "datamix_version", "engine", "workers", "sample",
        "project_hash", "error",
    )  # fmt: skip
    counted = ("documents", "kept", "quarantined", "bytes", "tokens", "shards_measured")
    table, stages = [], []
    for run in runs.values():
        summary = run.get("summary") or {}
        table.append({**{key: run.get(key) for key in own}, **{key: summary.get(key) for key in counted}})
        stages += [
            {"run_id": run["run_id"], "position": position, **stage} for position, stage in enumerate(run["stages"], 1)
        ]
    return {"runs": table, "stages": stages}


def _shard_rows(store: Store, commits: Commits, state: State) -> dict[str, list[dict[str, Any]]]:
    shards: dict[tuple[str, str], dict[str, Any]] = {}
    parts: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    present = {(source, key) for source, keys in state.shards.items() for key in keys}
    for commit in commits.all:
        shard = commit.shard
        where = {"source": shard.source, "shard": shard.key}
        row = {
            **where,
            "file": shard.file.path,
            "kind": shard.file.kind,
            "start_position": shard.start,
            "end_position": shard.stop,
            "file_bytes": shard.file.size,
            "identity": canonical_json(shard.identity()).decode(),
            "content_hash": commit.content_hash,
            "documents": commit.documents,
            "quarantined": commit.quarantined,
            "bytes": commit.bytes,
            "present": (shard.source, shard.key) in present,
            "run_id": commit.run_id,
        }
        known = shards.get((shard.source, shard.key))
        if known is None or commit.run_id >= known["run_id"]:
            shards[shard.source, shard.key] = row
        for measured in commit.parts:
            definition = state.definitions.get(measured.definition)
            parts.append(
                {
                    "family": measured.family,
                    **where,
                    "fingerprint": measured.definition,
                    "definition": canonical_json(definition).decode() if definition else None,
                    "path": measured.part.path,
                    "rows": measured.part.rows,
                    "bytes": measured.part.bytes,
                    "hash": measured.part.hash,
                    "seconds": measured.seconds,
                    "sample": measured.sample,
                    "run_id": commit.run_id,
                }
            )
            if measured.family == QUARANTINE and measured.part.rows and row["present"]:
                entries = read_part(store.folder, measured.part.path).to_pylist()
                quarantine += [{**where, "file": shard.file.path, **_quarantine_row(entry)} for entry in entries]
    unique = {tuple(sorted(entry.items())): entry for entry in quarantine}
    return {"shards": list(shards.values()), "parts": parts, "quarantine": list(unique.values())}


def _quarantine_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line": entry["row"] + 1,
        "byte_offset": entry["offset"],
        "reason": entry["reason"],
        "detail": entry["detail"],
        "documents": entry["documents"],
    }


def _plan_rows(plans: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    mixtures: dict[tuple[str, str], dict[str, Any]] = {}
    table, phases = [], []
    for plan in plans.values():
        ledger = plan["ledger"]
        mixtures[ledger["name"], plan["spec_hash"]] = {
            "mixture": ledger["name"],
            "spec_hash": plan["spec_hash"],
            "file": plan["file"],
            "spec": canonical_json(plan["spec"]).decode(),
        }
        table.append(
            {
                "plan": plan["plan"],
                "mixture": ledger["name"],
                "created": plan["created"],
                "tokens": ledger["tokens"],
                "sequences": ledger["sequences"],
                "sequence_length": plan["sequence_length"],
                "seed": plan["seed"],
                "path": plan["path"],
                "pins": canonical_json(plan["pins"]).decode(),
                "warnings": ledger["warnings"],
            }
        )
        for position, phase in enumerate(ledger["phases"], 1):
            for component, counts in phase["components"].items():
                phases.append(
                    {
                        "plan": plan["plan"],
                        "position": position,
                        "phase": phase["name"],
                        "start_sequence": phase["start"],
                        "end_sequence": phase["end"],
                        "component": component,
                        **counts,
                    }
                )
    return {"mixtures": list(mixtures.values()), "plans": table, "phases": phases}


def _job_rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    jobs = list(store.journal.entries("jobs").values())
    schedules: dict[str, dict[str, Any]] = {}
    for job in sorted(jobs, key=lambda entry: entry.get("due") or ""):
        if job.get("schedule"):
            schedules[job["schedule"]] = {
                "schedule": job["schedule"],
                "cron": job.get("cron"),
                "timezone": job.get("timezone"),
                "last_due": job["due"],
                "last_job": job["job"],
            }
    columns = (
        "job", "schedule", "due", "address", "command", "submitted", "ended", "status", "exit_code", "message",
        "log_tail",
    )  # fmt: skip
    return {
        "jobs": [{column: job.get(column) for column in columns} for job in jobs],
        "schedules": list(schedules.values()),
    }


def source_rows(file: ProjectFile, states: Sequence[ShardState], repeated: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the rows of the table `sources`."""
    rows = []
    for source in file.project.sources:
        own = [state for state in states if state.source.name == source.name]
        commits = [state.commits[QUARANTINE] for state in own]
        rows.append(
            {
                "source": source.name,
                "domain": source.domain_name,
                "license": source.license,
                "priority": source.priority,
                "exempt": list(source.exempt),
                "path": list(source.path),
                "files": len({state.shard.file.path for state in own}),
                "shards": len(own),
                "documents": sum(commit.documents for commit in commits),
                "quarantined": sum(commit.quarantined for commit in commits),
                "bytes": sum(commit.bytes for commit in commits),
                "repeated_ids": repeated.get(source.name, 0),
            }
        )
    return rows
