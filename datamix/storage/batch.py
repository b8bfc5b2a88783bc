"""What readers give: batches of documents, and what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from datamix.document import document_schema
from datamix.spec.project import Source
from datamix.storage.fields import hosts, parse_created

REASONS = {
    "unreadable": "The file can't be opened, or its footer is damaged; how many documents it holds is unknown.",
    "truncated": "The compressed stream ends early; how many documents are missing from this line on is unknown.",
    "damaged": "The rest of the file (JSONL; how many documents is unknown) or row group (Parquet) can't be decoded.",
    "line_too_long": (
        "The line (JSONL), or the text of a column of the row (Parquet), is longer than 64 MiB; it was skipped."
    ),
    "not_utf8": "The line, or a column of the row, is not UTF-8.",
    "not_json": "The line is not JSON.",
    "not_object": "The line is JSON, but not an object.",
    "too_deep": "The line's JSON is nested deeper than 64 levels.",
    "too_complex": (
        "The line's JSON has more than 2,000,000 values (commas and opening brackets outside strings): parsed, it "
        "might take gigabytes."
    ),
    "text_missing": "There is no text: the key is absent, null, or not a string.",
    "text_empty": "The text is empty.",
}
"""Why a document is quarantined, as one sentence for each reason.

An entry's `row` is 0-based, as `row` is in the view `documents`; the view `quarantine` shows it as the 1-based `line`
that editors show, for rows of Parquet files too.
"""


@dataclass(frozen=True)
class Quarantined:
    """A document, or a stretch of a file, that could not be read.

    Args:
        row: 0-based line or row in the file, the first one of a stretch.
        offset: byte offset of the line in a plain JSONL file; None in others.
        reason: a key of REASONS.
        detail: what exactly was wrong.
        documents: how many documents it stands for; one where that is unknown.
    """

    row: int
    offset: int | None
    reason: str
    detail: str
    documents: int = 1


@dataclass(frozen=True)
class Batch:
    """Consecutive documents of a shard, and what was quarantined among them.

    Args:
        documents: columns as `datamix.document.document_schema` says.
        quarantined: in the order of rows.
        unparsed_created: how many documents have a `created` that is no time; their `created` is null.
    """

    documents: pa.RecordBatch
    quarantined: tuple[Quarantined, ...] = ()
    unparsed_created: int = 0


class Columns(NamedTuple):
    """Columns of one length as a reader found them.

    Args:
        row: int64.
        offset: int64, or None for files without byte offsets.
        text: large_string, without nulls.
        id: large_string, or None where the source has no ids.
        created: of any type, or None.
        carried: large_string by name.
    """

    row: pa.Int64Array
    offset: pa.Int64Array | None
    text: pa.LargeStringArray
    id: pa.LargeStringArray | None
    created: pa.Array | None
    carried: dict[str, pa.LargeStringArray]


def make_batch(source: Source, columns: Columns, quarantined: list[Quarantined]) -> Batch:
    """Put the columns of `source` into the one schema of documents."""
    schema = document_schema(source.columns)
    n = len(columns.row)
    arrays: dict[str, pa.Array] = {
        "row": columns.row,
        "offset": columns.offset,
        "id": columns.id,
        "text": columns.text,
        **columns.carried,
    }
    unparsed = 0
    if columns.created is not None:
        arrays["created"], arrays["created_precision"], unparsed = parse_created(columns.created)
    if "url" in arrays:
        arrays["host"] = hosts(arrays["url"])
    filled = [pa.nulls(n, field.type) if arrays.get(field.name) is None else arrays[field.name] for field in schema]
    return Batch(pa.RecordBatch.from_arrays(filled, schema=schema), tuple(quarantined), unparsed)
