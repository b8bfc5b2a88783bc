"""Wide parts: the families of neighbouring shards side by side, one row a document, with its final id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datamix.document import CARRIED, ID, final_ids, sample_mask
from datamix.errors import StoreError
from datamix.pipeline.inventory import ShardState
from datamix.pipeline.measure import DOCUMENTS, single_chunk
from datamix.signals.family import Family
from datamix.spec.project import Source
from datamix.storage.parts import Part, read_part, write_part
from datamix.storage.store import fingerprint

WIDE_BYTES = 128_000_000
"""Shards are joined until their parts have this many bytes: DuckDB opens few files, and reads no more than it needs."""

HEAD = pa.schema(
    [
        pa.field("doc_id", ID, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("shard_row", pa.int32(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("created", pa.timestamp("us")),
        pa.field("created_precision", pa.string()),
        pa.field("url", pa.string()),
        pa.field("host", pa.string()),
        pa.field("license", pa.string()),
    ]
)


@dataclass(frozen=True)
class ShardParts:
    """Where the parts of a shard lie: a value for workers.

    Args:
        shard: its key.
        file: its input, as errors and `documents` name it.
        paths: of its parts, by family, relative to the store.
    """

    shard: str
    file: str
    paths: dict[str, str]


@dataclass(frozen=True)
class WideTask:
    """All wide parts of one source.

    Args:
        store: the store's folder.
        source: its name.
        groups: (path of the wide part, its shards); all of the source, in order, since repeated ids span them.
        written: wide parts of these that are there already, if they are intact.
        schema: of every wide part of the store.
        columns: the measured columns by family.
        sample: the share of the documents to show, or None.
    """

    store: Path
    source: str
    groups: tuple[tuple[str, tuple[ShardParts, ...]], ...]
    written: tuple[Part, ...]
    schema: pa.Schema
    columns: dict[str, tuple[str, ...]]
    sample: Fraction | None


@dataclass(frozen=True)
class WideResult:
    """The wide parts of a source, and how many documents bear an id that an earlier one has."""

    parts: tuple[Part, ...]
    repeated_ids: int


def shard_parts(state: ShardState) -> ShardParts:
    """Return where the parts of a shard lie."""
    paths = {family: measured.part.path for family, measured in state.parts.items()}
    return ShardParts(state.shard.key, state.shard.file.path, paths)


def wide_schema(sources: Sequence[Source], families: Sequence[Family]) -> pa.Schema:
    """Return the one schema of all wide parts: ids and places, carried columns of any source, measured columns."""
    carried = sorted({name for source in sources for name in source.columns if name not in CARRIED})
    measured = [pa.field(c.name, c.type) for family in families for c in family.columns if not c.cold]
    return pa.schema([*HEAD, *(pa.field(name, pa.string()) for name in carried), *measured])


def group_shards(source: str, states: Sequence[ShardState], what: object) -> list[tuple[str, tuple[ShardParts, ...]]]:
    """Join neighbouring shards of a source into wide parts, and name each by all that determines its content.

    A name covers the groups before it, since ids depend on earlier documents with the same id: new shards at the end
    leave all earlier wide parts as they are.

    Args:
        source: its name.
        states: its shards, in order.
        what: schema, families and sample, as JSON.
    """
    groups: list[list[ShardState]] = []
    size = WIDE_BYTES
    for state in states:
        if size >= WIDE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(state)
        size += sum(measured.part.bytes for measured in state.parts.values())
    result, before = [], fingerprint(what)
    for group in groups:
        members = [[state.shard.key, sorted(m.part.hash for m in state.parts.values())] for state in group]
        before = fingerprint([before, source, members])
        result.append((f"wide/{source}/{before}.parquet", tuple(map(shard_parts, group))))
    return result


def write_wide(task: WideTask) -> WideResult:
    """Write the wide parts of a source that are not there yet."""
    shards = [shard for _, group in task.groups for shard in group]
    keys = [
        shard_table(task.store, shard, {DOCUMENTS: ("base_id",), "content": ("text_hash",)}, task.sample)
        for shard in shards
    ]
    base = single_chunk(pa.concat_tables([table.select(["base_id"]) for table in keys])["base_id"])
    ids = final_ids(base, single_chunk(pa.concat_tables([table.select(["text_hash"]) for table in keys])["text_hash"]))
    repeated = len(ids) - pc.sum(pc.equal(ids, base)).as_py() if len(ids) else 0
    counts = {shard.shard: table.num_rows for shard, table in zip(shards, keys, strict=True)}
    parts = []
    start = 0
    written = {part.path: part for part in task.written if part.is_intact(task.store)}
    for path, group in task.groups:
        if path in written:
            parts.append(written[path])
            start += sum(counts[shard.shard] for shard in group)
            continue
        tables = []
        for shard in group:
            rows = counts[shard.shard]
            tables.append(_wide_table(task, shard, ids.slice(start, rows)))
            start += rows
        parts.append(write_part(task.store, path, pa.concat_tables(tables)))
    return WideResult(tuple(parts), repeated)


def _wide_table(task: WideTask, shard: ShardParts, ids: pa.Array) -> pa.Table:
    own = [field.name for field in task.schema if field.name not in ("doc_id", "source", "shard", "shard_row", "file")]
    measured = {name for names in task.columns.values() for name in names}
    wanted = {DOCUMENTS: tuple(name for name in own if name not in measured), **task.columns}
    table = shard_table(task.store, shard, wanted, task.sample)
    n = table.num_rows
    arrays = {name: table[name] for name in table.column_names}
    arrays["doc_id"] = ids
    arrays["source"] = pa.repeat(pa.scalar(task.source), n)
    arrays["shard"] = pa.repeat(pa.scalar(shard.shard), n)
    arrays["file"] = pa.repeat(pa.scalar(shard.file), n)
    if "created" in arrays:  # UTC without a zone: what every SQL client shows alike
        arrays["created"] = arrays["created"].cast(pa.timestamp("us"))
    columns = [
        arrays[field.name].cast(field.type) if field.name in arrays else pa.nulls(n, field.type)
        for field in task.schema
    ]
    return pa.Table.from_arrays(columns, schema=task.schema)


def shard_table(
    store: Path, shard: ShardParts, columns: dict[str, tuple[str, ...]], sample: Fraction | None
) -> pa.Table:
    """Return columns of several families of a shard side by side, and `shard_row`, the place among its documents.

    Args:
        store: the store's folder.
        shard: where its parts lie.
        columns: names by family; those of DOCUMENTS that its part lacks are left out.
        sample: the share of the documents to return, or None for all.

    Raises:
        StoreError: a part is damaged, or two parts do not hold the same documents.
    """
    base = read_part(store, shard.paths[DOCUMENTS])
    if sample is not None:
        base = base.filter(pa.array(sample_mask(single_chunk(base["base_id"]), sample)))
    rows = base["row"]
    result = {"shard_row": pa.chunked_array([np.arange(base.num_rows, dtype=np.int32)])}
    result.update({name: base[name] for name in columns.get(DOCUMENTS, ()) if name in base.column_names})
    for family, names in columns.items():
        if family == DOCUMENTS:
            continue
        table = read_part(store, shard.paths[family], ["row", *names])
        if table.num_rows != base.num_rows and sample is not None:
            table = table.filter(pc.is_in(table["row"], rows.combine_chunks()))
        if not table["row"].equals(rows):
            raise StoreError(
                f"{store / shard.paths[family]} does not hold the documents of {store / shard.paths[DOCUMENTS]}; "
                "delete both and run `datamix run` again"
            )
        result.update({name: table[name] for name in names})
    return pa.table(result)
