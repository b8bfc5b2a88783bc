"""The rows of the catalog's tables, from the entries of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datamix.pipeline.commits import Commits
from datamix.pipeline.decide import Counts
from datamix.pipeline.inventory import ShardState
from datamix.pipeline.measure import QUARANTINE
from datamix.signals.family import Family
from datamix.signals.registry import model_path
from datamix.spec.project import ProjectFile
from datamix.storage.parts import read_part
from datamix.storage.store import Store, canonical_json

Rows = dict[str, list[dict[str, Any]]]
Entries = Mapping[str, Mapping[str, Any]]


def run_rows(runs: Entries) -> Rows:
    """Return the rows of `runs` and `stages`."""
    own = (
        "run_id", "command", "started", "ended", "seconds", "status", "datamix_version", "engine", "workers", "sample",
        "project_hash", "error",
    )  # fmt: skip
    counted = ("documents", "kept", "quarantined", "bytes", "tokens", "shards_measured")
    table, stages = [], []
    for run in runs.values():
        summary = run.get("summary") or {}
        stated = {key: canonical_json(run[key]).decode() for key in ("project", "filters")}
        table.append({**{key: run.get(key) for key in own}, **stated, **{key: summary.get(key) for key in counted}})
        stages += [
            {"run_id": run["run_id"], "position": position, **stage} for position, stage in enumerate(run["stages"], 1)
        ]
    return {"runs": table, "stages": stages}


def shard_rows(
    store: Store, commits: Commits, shown: Sequence[Mapping[str, Any]], definitions: Mapping[str, Any]
) -> Rows:
    """Return the rows of `shards`, `parts` and `quarantine`.

    Args:
        store: for the quarantined entries.
        commits: all that was measured.
        shown: the shards that the catalog shows, with their parts; as in `State.shards`.
        definitions: what each fingerprint of a part stands for.
    """
    shards: dict[tuple[str, str], dict[str, Any]] = {}
    parts: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    used = {entry["parts"][QUARANTINE]["path"] for entry in shown}
    for commit in commits.all:
        shard = commit.shard
        lists = {measured.part.path: measured.part for measured in commit.parts if measured.family == QUARANTINE}
        present = not used.isdisjoint(lists)
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
            "present": present,
            "run_id": commit.run_id,
        }
        known = shards.get((shard.source, shard.key))
        if known is None or (present, commit.run_id) >= (known["present"], known["run_id"]):
            shards[shard.source, shard.key] = row
        for measured in commit.parts:
            definition = definitions.get(measured.definition)
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
        for part in lists.values():
            if part.path in used and part.rows:
                entries = read_part(store.folder, part.path).to_pylist()
                quarantine += [{**where, "file": shard.file.path, **_quarantine_row(entry)} for entry in entries]
    return {"shards": list(shards.values()), "parts": parts, "quarantine": quarantine}


def _quarantine_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line": entry["row"] + 1,
        "byte_offset": entry["offset"],
        "reason": entry["reason"],
        "detail": entry["detail"],
        "documents": entry["documents"],
    }


def plan_rows(plans: Entries) -> Rows:
    """Return the rows of `mixtures`, `plans` and `phases`."""
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


def job_rows(jobs: Entries, schedules: Entries) -> Rows:
    """Return the rows of `jobs` and `schedules`.

    Args:
        jobs: entries of submitted and missed jobs.
        schedules: entries of schedules as a tick first saw them.
    """
    columns = (
        "job", "schedule", "due", "address", "command", "submitted", "ended", "status", "exit_code", "message",
        "log_tail",
    )  # fmt: skip
    last: dict[str, Mapping[str, Any]] = {}
    for job in sorted(jobs.values(), key=lambda entry: str(entry["due"] or "")):
        if job["schedule"]:
            last[job["schedule"]] = job
    seen = [
        {
            "schedule": sight["schedule"],
            "cron": sight["cron"],
            "timezone": sight["timezone"],
            "first_seen": sight["since"],
            "last_due": last[name]["due"] if name in last else None,
            "last_job": last[name]["job"] if name in last else None,
        }
        for name, sight in schedules.items()
    ]
    return {"jobs": [{column: job.get(column) for column in columns} for job in jobs.values()], "schedules": seen}


def source_rows(
    file: ProjectFile, states: Sequence[ShardState], repeated: Mapping[str, int], counts: Counts
) -> list[dict[str, Any]]:
    """Return the rows of the table `sources`; documents and bytes are those that the catalog shows."""
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
                "documents": counts.by_source[source.name].documents if source.name in counts.by_source else 0,
                "quarantined": sum(commit.quarantined for commit in commits),
                "bytes": counts.by_source[source.name].bytes if source.name in counts.by_source else 0,
                "repeated_ids": repeated.get(source.name, 0),
            }
        )
    return rows


def model_rows(file: ProjectFile, measured: Sequence[Family]) -> list[dict[str, Any]]:
    """Return the rows of the table `models`: which file, by its hash, made which column."""
    measure = file.project.measure
    models: list[tuple[str, str, str, str | None]] = []
    if measure.language is not None:
        models.append(("language", "language", measure.language.model, None))
    models += [(name, "score", score.model, score.label) for name, score in measure.scores.items()]
    makers = {column.name: family for family in measured for column in family.columns}
    rows = []
    for name, role, model, label in models:
        path = model_path(file, model, "measure")
        card = Path(f"{path}.card.json")
        rows.append(
            {
                "name": name,
                "role": role,
                "file": model,
                "sha256": makers[name].definition()["model"],
                "label": label,
                "card": card.read_text() if card.is_file() else None,
            }
        )
    tokenizer = makers["tokens"].definition()["tokenizer"]
    return [*rows, {"name": "tokens", "role": "tokenizer", "file": measure.tokenizer, "sha256": tokenizer}]
