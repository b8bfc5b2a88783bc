"""The plan's uses (which document stands where on which component's token line), read from their Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datamix.errors import StoreError
from datamix.export.pieces import Int64s, Lines

USES = pa.schema(
    [
        ("component", pa.string()),
        ("phase", pa.string()),
        ("epoch", pa.int32()),
        ("doc_id", pa.binary(16)),
        ("source", pa.string()),
        ("shard", pa.string()),
        ("shard_row", pa.int32()),
        ("doc_offset", pa.int64()),
        ("tokens", pa.int64()),
        ("line_start", pa.int64()),
        ("first_sequence", pa.int64()),
        ("last_sequence", pa.int64()),
    ]
)
"""The columns that an emission reads; others, like `text_hash`, are carried into its `documents.parquet`."""


@dataclass(frozen=True)
class Stretch:
    """What one row group holds of one component's line: tokens [start, stop)."""

    row_group: int
    component: str
    start: int
    stop: int


@dataclass
class UsesIndex:
    """What the whole file of uses says, found in one pass.

    Args:
        stretches: by row group and component.
        caches: (source, shard) of every token cache that is used.
        cells: tokens, and documents that begin, by (phase, component).
        phases: first sequence and end of each phase, in sequences, half open.
    """

    stretches: list[Stretch] = field(default_factory=list)
    caches: set[tuple[str, str]] = field(default_factory=set)
    cells: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    phases: dict[str, tuple[int, int]] = field(default_factory=dict)


def index_uses(path: Path) -> UsesIndex:
    """Read all uses once, in bounded memory.

    Raises:
        StoreError: the file is missing, damaged, or lacks a column.
    """
    index = UsesIndex()
    for number, table in _row_groups(path, None):
        _index_group(index, number, table)
    return index


def read_uses(
    path: Path, row_groups: Iterable[int], components: tuple[str, ...], low: Int64s, high: Int64s
) -> tuple[pa.Table, Lines]:
    """Return the uses that touch the tokens [low[c], high[c]) of each component's line, sorted by component and place.

    Args:
        path: the file of uses.
        row_groups: numbers of the row groups that can hold them.
        components: the plan's components, in order.
        low: int64 [K].
        high: int64 [K].

    Raises:
        StoreError: the file is missing or damaged.
    """
    found = [USES.empty_table().append_column("number", pa.array([], pa.int64()))]
    for _, table in _row_groups(path, row_groups):
        number = pc.index_in(table["component"], pa.array(components)).cast(pa.int64())
        component, start, tokens = (_int64(column) for column in (number, table["line_start"], table["tokens"]))
        touches = (start < high[component]) & (start + tokens > low[component])
        found.append(table.append_column("number", number).filter(pa.array(touches)))
    table = pa.concat_tables(found).sort_by([("number", "ascending"), ("line_start", "ascending")])
    names = ("number", "line_start", "tokens", "doc_offset", "first_sequence", "last_sequence")
    return table, Lines(*(_int64(table[name]) for name in names))


def _row_groups(path: Path, numbers: Iterable[int] | None) -> Iterator[tuple[int, pa.Table]]:
    """Yield row groups with the columns and types of USES."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = set(USES.names) - set(file.schema_arrow.names)
            if missing:
                raise StoreError(f"{path} lacks the columns {', '.join(sorted(missing))}; run `datamix mix plan` again")
            for number in range(file.num_row_groups) if numbers is None else numbers:
                yield number, file.read_row_group(number, columns=USES.names, use_threads=False).cast(USES)
    except FileNotFoundError:
        raise StoreError(f"the plan's uses {path} are missing; run `datamix mix plan` again") from None
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"the plan's uses {path} are damaged ({str(error).splitlines()[0]}); run `datamix mix plan` again"
        ) from None


def _index_group(index: UsesIndex, number: int, table: pa.Table) -> None:
    table = table.append_column("stop", pc.add(table["line_start"], table["tokens"]))
    table = table.append_column("begins", pc.equal(table["doc_offset"], 0).cast(pa.int64()))
    lines = table.group_by("component").aggregate([("line_start", "min"), ("stop", "max")])
    for row in lines.sort_by("component").to_pylist():
        index.stretches.append(Stretch(number, row["component"], row["line_start_min"], row["stop_max"]))
    for row in table.group_by(["source", "shard"]).aggregate([]).to_pylist():
        index.caches.add((row["source"], row["shard"]))
    cells = table.group_by(["phase", "component"]).aggregate(
        [("tokens", "sum"), ("begins", "sum"), ("first_sequence", "min"), ("last_sequence", "max")]
    )
    for row in cells.to_pylist():
        cell = (row["phase"], row["component"])
        tokens, documents = index.cells.get(cell, (0, 0))
        index.cells[cell] = (tokens + row["tokens_sum"], documents + row["begins_sum"])
        start, end = index.phases.get(row["phase"], (row["first_sequence_min"], 0))
        index.phases[row["phase"]] = (
            min(start, row["first_sequence_min"]),
            max(end, row["last_sequence_max"] + 1),
        )


def _int64(column: pa.Array | pa.ChunkedArray) -> Int64s:
    return np.asarray(column.to_numpy(), dtype=np.int64)
