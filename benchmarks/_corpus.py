"""The texts that benchmarks measure."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datamix.errors import InputError
from datamix.storage.fields import is_text


def corpus_texts(folder: Path) -> pa.ChunkedArray:
    """Return the texts of all Parquet files of a folder as large_string, in the order of names and rows.

    Nulls and empty texts are left out.

    Raises:
        InputError: a file can't be read or has no column `text` of strings, or there is no text at all.
    """
    chunks = [chunk for file in sorted(folder.glob("*.parquet")) for chunk in _texts(file).chunks]
    if not any(map(len, chunks)):
        raise InputError(
            f"the Parquet files in {folder} hold no text: their column `text` has only nulls and empty texts"
        )
    return pa.chunked_array(chunks, pa.large_string())


def _texts(path: Path) -> pa.ChunkedArray:
    try:
        with pq.ParquetFile(path) as file:
            names, table = file.schema_arrow.names, file.read(columns=["text"])
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}); replace or remove it") from None
    if "text" not in names:
        raise InputError(f"{path} has no column `text`, only {', '.join(names)}; rename its column of texts")
    texts = table.column("text")
    if pa.types.is_dictionary(texts.type):
        texts = texts.cast(texts.type.value_type)
    if not (is_text(texts.type) or pa.types.is_null(texts.type)):
        raise InputError(f"{path}: the column `text` holds {texts.type}, not text; name a folder with texts")
    texts = texts.cast(pa.large_string())
    return texts.filter(pc.fill_null(pc.greater(pc.binary_length(texts), 0), False))
