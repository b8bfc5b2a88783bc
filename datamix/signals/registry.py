"""The families that a project measures. A new family is one module and one line here."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from datamix.errors import SpecError, nearest
from datamix.library import find, names
from datamix.signals.content import ContentFamily
from datamix.signals.family import Column, Family
from datamix.signals.fasttext_model import model_hash
from datamix.signals.heuristics import HeuristicsFamily
from datamix.signals.language import LanguageFamily
from datamix.signals.scores import ScoreFamily
from datamix.signals.signatures import SignatureFamily
from datamix.signals.tokenizers import BYTES, tokenizer_hash
from datamix.signals.tokens import TokensFamily
from datamix.spec.project import ProjectFile

MODEL_FOLDER = "filters/models"
_MODELS = (".bin", ".ftz")


def families(file: ProjectFile) -> tuple[Family, ...]:
    """Return what the project measures, in the order of the columns of `documents`.

    Raises:
        SpecError: a model or tokenizer is missing, or a score has the name of another column.
        ModelError: a model can't be read, or has no such label.
    """
    measure = file.project.measure
    result: list[Family] = [ContentFamily(), TokensFamily(*_tokenizer(file))]
    if measure.language is not None:
        path = model_path(file, measure.language.model, "measure", "language", "model")
        result.append(LanguageFamily(str(path), model_hash(path)))
    for name, score in measure.scores.items():
        path = model_path(file, score.model, "measure", "scores", name, "model")
        result.append(ScoreFamily(name, str(path), model_hash(path), score.label))
    result.append(HeuristicsFamily())
    near = file.project.dedup.near
    if near is not None:
        result.append(SignatureFamily(near.ngram, near.permutations))
    taken: dict[str, str] = {}
    for family in result:
        for column in family.columns:
            if column.name in taken:
                raise file.document.error(
                    f"{column.name!r} is a column of {taken[column.name]} already; give the score another name",
                    "measure", "scores", column.name,
                )  # fmt: skip
            taken[column.name] = family.name
    return tuple(result)


def model_path(file: ProjectFile, model: str, *place: str) -> Path:
    """Return a model's file: a path from the project's folder, or the name of a shipped one.

    Raises:
        SpecError: there is no such file; names the line that wants it.
    """
    path = file.root / model
    if path.is_file():
        return path.resolve()
    try:
        return find(file.root, MODEL_FOLDER, model).resolve()
    except SpecError:
        known = sorted(name + suffix for suffix in _MODELS for name in names(file.root, MODEL_FOLDER, suffix))
        raise file.document.error(
            f"no model at {path}, and none of that name in {MODEL_FOLDER}/ of the project or of the library"
            f"{nearest(model, known)}; there are: {', '.join(known) or 'none'}",
            *place,
        ) from None


def _tokenizer(file: ProjectFile) -> tuple[str, str]:
    name = file.project.measure.tokenizer
    if name == BYTES:
        return BYTES, tokenizer_hash(BYTES)
    path = file.root / name
    if not path.is_file():
        raise file.document.error(f"no tokenizer at {path}; name a tokenizer.json, or `bytes`", "measure", "tokenizer")
    return str(path.resolve()), tokenizer_hash(str(path))


def wide_columns(measured: tuple[Family, ...]) -> tuple[Column, ...]:
    """Return the columns of the families that `documents` shows, in order."""
    return tuple(column for family in measured for column in family.columns if not column.cold)


def sql_type(type_: pa.DataType) -> str:
    """Return the DuckDB type of a measured column."""
    return _SQL_TYPES.get(type_, "VARCHAR")


_SQL_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.binary(16): "BLOB",
}
