"""What the catalog shows: its tables from the journal, its views from the state that the last run reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from datamix.catalog.publish import Views, identifier, publish
from datamix.document import CARRIED
from datamix.errors import StoreError
from datamix.pipeline.commits import Commits
from datamix.pipeline.tables import job_rows, plan_rows, run_rows, shard_rows
from datamix.signals.family import Column
from datamix.signals.registry import sql_type
from datamix.spec.project import ProjectFile
from datamix.storage.parts import Part
from datamix.storage.shards import Shard
from datamix.storage.store import Store

LEADING = ("bytes", "words", "tokens", "language", "language_score", "quality", "toxicity")
"""Measured columns that `documents` always has, first; NULL where the project does not measure them."""

DOCUMENT_COLUMNS = (
    "doc_id", "id", "source", "domain", "file", "row", "created", "created_precision", "url", "host", "license",
    *LEADING, "text_hash", "cluster_id", "cluster_size", "is_keeper", "kept", "reasons", "shard", "shard_row",
)  # fmt: skip
"""The columns that `documents` has in every project."""

CURRENT = "current"
"""The name of the one entry of the kind `states`."""

_LEADING_TYPES = {"bytes": "BIGINT", "words": "BIGINT", "tokens": "BIGINT", "language": "VARCHAR"}


@dataclass(frozen=True)
class State:
    """What the last run reached, as the journal keeps it: enough to publish the catalog again.

    Args:
        wide: wide parts, in order.
        decisions: the part with decisions.
        rules: fingerprint of filters and deduplication, whatever the documents.
        edges: the part with verified pairs.
        columns: SQL of the measured columns of `documents`.
        expansion: SQL of `decisions` over the relation `measured`.
        shards: each shard that is present (`shard`, as JSON) with its parts by family (`parts`).
        sources: rows of the table `sources`.
        models: rows of the table `models`.
        definitions: what each fingerprint of a part stands for.
        sample: the share of the documents that the catalog shows, or None for all.
    """

    wide: list[str]
    decisions: str
    rules: str
    edges: str
    columns: list[str]
    expansion: str
    shards: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    models: list[dict[str, Any]]
    definitions: dict[str, Any]
    sample: str | None

    @property
    def products(self) -> set[str]:
        """The parts that the catalog's views read."""
        return {*self.wide, self.edges, self.decisions}

    def shard(self, source: str, key: str) -> Shard | None:
        """Return the shard that the catalog shows under this key, as its input was when it was measured."""
        entry = self._entry(source, key)
        return None if entry is None else Shard.from_json(entry["shard"])

    def part(self, source: str, key: str, family: str) -> Part | None:
        """Return the part of a family of that shard, if it has one."""
        entry = self._entry(source, key)
        return Part(**entry["parts"][family]) if entry is not None and family in entry["parts"] else None

    def _entry(self, source: str, key: str) -> dict[str, Any] | None:
        return self._by_key.get((source, key))

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], dict[str, Any]]:
        shards = [(Shard.from_json(entry["shard"]), entry) for entry in self.shards]
        return {(shard.source, shard.key): entry for shard, entry in shards}


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
    return {"domain": pa.string(), **{field.name: field.type for field in schema if field.name not in hidden}}


def publish_catalog(store: Store, commits: Commits) -> None:
    """Publish the catalog of what the journal says.

    Raises:
        StoreError: no run has ended yet.
    """
    runs = store.journal.entries("runs")
    state = latest_state(store)
    plans = store.journal.entries("plans")
    rows: dict[str, list[dict[str, Any]]] = {
        **run_rows(runs),
        **shard_rows(store, commits, state.shards, state.definitions),
        **plan_rows(plans),
        "sources": state.sources,
        "models": state.models,
        "emissions": list(store.journal.entries("emissions").values()),
        **job_rows(store.journal.entries("jobs"), store.journal.entries("schedules")),
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
    entry = store.journal.read("states", CURRENT)
    if entry is None:
        raise StoreError(f"no run of the store in {store.folder} has ended yet; `datamix run` first")
    return State(**entry)
