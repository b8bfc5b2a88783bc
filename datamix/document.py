"""The one document type: its columns, its 128-bit id, and whether a sample holds it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import xxhash

from datamix.errors import SpecError

ID = pa.binary(16)
"""The Arrow type of a document's id."""

DOCUMENT = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("id", pa.large_string()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("created", pa.timestamp("us", tz="UTC")),
        pa.field("created_precision", pa.large_string()),
        pa.field("url", pa.large_string()),
        pa.field("host", pa.large_string()),
        pa.field("license", pa.large_string()),
    ]
)
"""What every document has.

row: 0-based row of a Parquet file, or line of a JSONL file (blank lines count).
offset: first byte of the line in a plain JSONL file; null in others.
id: as in the source; numbers as text with all their digits, UUIDs with dashes, binary of fixed length as hexadecimal;
    null where there is none, also for NaN.
created: UTC, to the start of the period that is known; created_precision: second, day, month or year, null with it.
url, license: where the source carries a column of that name. host: of the url, in lower case.
"""

CARRIED = ("url", "license")
"""The carried columns that every document has; other carried columns follow those of DOCUMENT."""

_SAMPLE_KEY = np.uint64(0x9E3779B97F4A7C15)


def document_schema(columns: Sequence[str]) -> pa.Schema:
    """Return DOCUMENT, followed by the carried `columns` of a source as text.

    Carried values are text whatever their type in the source, so that all files of a source, JSONL and Parquet, have
    one schema: a string is itself, a number its digits, a UUID has its dashes, binary of fixed length is hexadecimal,
    NaN and infinity are null, anything else is its JSON. (Integers past 64 bits inside lists and objects of a JSONL
    line are rounded, as most readers of JSON do.)

    Raises:
        SpecError: a column has the name of a field that datamix fills itself.
    """
    extra = [name for name in columns if name not in CARRIED]
    for name in extra:
        if name in DOCUMENT.names:
            raise SpecError(
                f"columns: {name!r} is a name that datamix fills itself; rename the column in the files, "
                "or leave it out of `columns`"
            )
    return pa.schema([*DOCUMENT, *(pa.field(name, pa.large_string()) for name in extra)])


def base_ids(source: str, documents: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """Return the 16-byte id of each document, before repeated ids are told apart (see `final_ids`).

    It is xxh3_128 of the source's name and the document's id, or, where it has none, of the source's name, the hash of
    its text, `created` and `url`; what precedes the last part has a fixed or stated length, so no two inputs coincide.

    Args:
        source: the source's name.
        documents: the columns id, text, created and url of DOCUMENT.
    """
    name = source.encode()
    head = len(name).to_bytes(8, "little") + name
    digest = xxhash.xxh3_128_digest
    ids = documents.column("id").cast(pa.large_binary())
    with_id, without_id = head + b"i", head + b"t"
    if not ids.null_count:
        return _fixed([digest(with_id + key) for key in ids.to_pylist()])
    text = documents.column("text")
    _, offset_buffer, data = text.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[text.offset : text.offset + len(text) + 1].tolist()
    view = memoryview(data if data is not None else b"")
    created = documents.column("created").cast(pa.int64()).to_pylist()
    urls = documents.column("url").cast(pa.large_binary()).to_pylist()
    result = []
    for i, key in enumerate(ids.to_pylist()):
        if key is None:
            time = b"-" * 9 if created[i] is None else b"+" + created[i].to_bytes(8, "little", signed=True)
            url = b"-" if urls[i] is None else b"+" + urls[i]
            key = without_id + digest(view[offsets[i] : offsets[i + 1]]) + time + url
            result.append(digest(key))
        else:
            result.append(digest(with_id + key))
    return _fixed(result)


def final_ids(base: pa.FixedSizeBinaryArray, text_hashes: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
    """Return ids without repetition: the documents of a source in order, the first of each base id keeps it.

    A later one gets xxh3_128 of its base id, the hash of its text, and the number of earlier documents with both the
    same. So an id depends on what precedes it only where base ids repeat.

    Args:
        base: what `base_ids` returned, for all documents of a source in their order.
        text_hashes: 16 bytes for each document.
    """
    base_words, text_words = id_words(base), id_words(text_hashes)
    frame = pl.DataFrame(
        {"b0": base_words[:, 0], "b1": base_words[:, 1], "t0": text_words[:, 0], "t1": text_words[:, 1]}
    )
    repeated = frame.select(~pl.struct("b0", "b1").is_first_distinct()).to_series()
    if not repeated.any():
        return base
    earlier = frame.select(pl.int_range(pl.len(), dtype=pl.Int64).over("b0", "b1", "t0", "t1")).to_series()
    result = np.array(base_words)
    for i in repeated.arg_true().to_list():
        key = base_words[i].tobytes() + text_words[i].tobytes() + int(earlier[i]).to_bytes(8, "little")
        result[i] = np.frombuffer(xxhash.xxh3_128_digest(key), np.uint64)
    return pa.FixedSizeBinaryArray.from_buffers(ID, len(base), [None, pa.py_buffer(result.tobytes())])


def sample_mask(base: pa.FixedSizeBinaryArray, share: float | Fraction) -> npt.NDArray[np.bool_]:
    """Return which documents a sample of `share` holds, bool [n]; a larger share holds all that a smaller one does.

    A document is in the sample if the keyed hash of its base id (the finaliser of MurmurHash3, 64 bits), as a
    fraction of 2**64, lies below the share: for any order of the documents and any split into shards.
    """
    below = int(Fraction(share) * 2**64)
    if below >= 2**64:
        return np.ones(len(base), np.bool_)
    h = id_words(base)[:, 0] ^ _SAMPLE_KEY
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return (h ^ (h >> np.uint64(33))) < np.uint64(below)


def id_words(ids: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """Return 16-byte values without nulls as uint64 [n, 2], a view of the Arrow buffer."""
    if not len(ids):
        return np.zeros((0, 2), np.uint64)
    words = np.frombuffer(ids.buffers()[1], np.uint64).reshape(-1, 2)
    return words[ids.offset : ids.offset + len(ids)]


def _fixed(digests: list[bytes]) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(ID, len(digests), [None, pa.py_buffer(b"".join(digests))])
