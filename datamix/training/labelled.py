"""Labelled texts, and how they are read from Parquet, JSONL and CSV."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from datamix.errors import InputError, SpecError, nearest
from datamix.training.card import DataFile

_LABEL = re.compile(r"\S{1,64}")
_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".jsonl": pl.read_ndjson,
    ".ndjson": pl.read_ndjson,
    ".csv": pl.read_csv,
}


@dataclass(frozen=True)
class Labelled:
    """Texts with one label each.

    Args:
        texts: large_string [n], without nulls.
        labels: n labels, without white space.
        origins: n names of what a text was cut from, or None where each text stands for itself: texts of one origin
            are never parted between training and test.
        only_training: whether each text never tests, because it was written for the training; None where all may.
    """

    texts: pa.LargeStringArray
    labels: Sequence[str]
    origins: Sequence[str] | None = None
    only_training: Sequence[bool] | None = None

    def __post_init__(self) -> None:
        given = (self.labels, self.origins or self.labels, self.only_training or self.labels)
        if any(len(part) != len(self.texts) for part in given):
            raise ValueError("texts, labels, origins and only_training differ in number")
        if bad := next((label for label in self.labels if not _LABEL.fullmatch(label)), None):
            raise SpecError(f"label {bad!r}: a label has 1 to 64 characters and no white space; rename it in the data")


def read_labelled(files: Sequence[Path], text_column: str, label_column: str) -> tuple[Labelled, list[DataFile]]:
    """Read labelled texts; a row without a text or without a label is left out, and counted.

    Args:
        files: .parquet, .jsonl, .ndjson or .csv.
        text_column: its column of texts.
        label_column: its column of labels: strings, numbers or booleans. A float without a fraction is the integer,
            since a column of integers with gaps becomes one of floats in many tools; NaN is no label.

    Returns:
        The texts in the order of `files` and rows, and what each file held.

    Raises:
        InputError: a file can't be read.
        SpecError: a file is of another format, or has no such column.
    """
    frames, described = [], []
    for file in files:
        frame = _read(file, text_column, label_column)
        usable = frame.drop_nulls().filter(pl.col("text").str.contains(r"\S"))
        frames.append(usable)
        described.append(
            DataFile(
                file=file.name,
                bytes=file.stat().st_size,
                sha256=hash_of_file(file),
                documents=len(usable),
                unusable=len(frame) - len(usable),
                labels=count_labels(usable["label"].to_list()),
            )
        )
    whole = pl.concat(frames)
    texts = pa.array(whole["text"].to_list(), pa.large_string())
    return Labelled(texts, whole["label"].to_list()), described


def hash_of_file(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def count_labels(labels: Sequence[str]) -> dict[str, int]:
    """Return how many documents have each label, by label."""
    counts = pl.Series("label", labels, pl.String).value_counts().sort("label")
    return dict(counts.iter_rows())


def _read(file: Path, text_column: str, label_column: str) -> pl.DataFrame:
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise SpecError(f"{file}: unknown format {file.suffix!r}; give one of {', '.join(_READERS)}")
    if file.is_dir():
        raise InputError(f"{file} is a folder; name the files in it")
    try:
        frame = reader(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: the labelled texts can't be read ({reason}); check the path and the format"
        ) from error
    for column in (text_column, label_column):
        if column not in frame.columns:
            raise SpecError(
                f"{file}: no column {column!r} among {', '.join(frame.columns)}{nearest(column, frame.columns)}"
            )
    if frame[text_column].dtype != pl.String:
        raise SpecError(f"{file}: column {text_column!r} holds {frame[text_column].dtype}, not text; name another")
    return frame.select(text=pl.col(text_column), label=_as_label(frame[label_column]))


def _as_label(column: pl.Series) -> pl.Series:
    if not column.dtype.is_float():
        return column.cast(pl.String)
    numbers = column.fill_nan(None)
    whole = numbers.cast(pl.Int64, strict=False)
    return whole.cast(pl.String).zip_with((whole == numbers).fill_null(False), numbers.cast(pl.String))
