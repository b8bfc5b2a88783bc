"""Reads fastText's .bin and .ftz files without the library: every count is checked against the file's size.

The layout (little endian, no padding), as fastText 0.9.2 writes it: magic and version; arguments; dictionary (words,
then labels, then the prune index); a flag and the input matrix; a flag and the output matrix.
"""

from __future__ import annotations

import enum
import itertools
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datamix.errors import ModelError
from datamix.storage.fasttext_matrix import CENTROIDS, DenseMatrix, Matrix, ProductQuantiser, QuantisedMatrix

MAGIC = 793712314
LONGEST_NGRAM = 64  # no trained model comes near; a damaged length would make scoring quadratic in the text
MOST_LABEL_TOKENS = 10**15  # fastText's own "infinite" count when it builds the tree of hierarchical softmax

Integers = npt.NDArray[np.int64]


class Loss(enum.IntEnum):
    """How scores become probabilities; the numbers are the file's."""

    HIERARCHICAL_SOFTMAX = 1
    NEGATIVE_SAMPLING = 2
    SOFTMAX = 3
    ONE_VS_ALL = 4


@dataclass(frozen=True)
class Arguments:
    """The training arguments that scoring needs; `shortest` and `longest` bound character n-grams (0: none)."""

    dimensions: int
    word_ngrams: int
    loss: Loss
    buckets: int
    shortest: int
    longest: int


@dataclass(frozen=True)
class Dictionary:
    """The words and labels of a model.

    Args:
        data: uint8, the dictionary's bytes.
        starts: int64 [words + labels]; entry i, words first, is data[starts[i]:ends[i]].
        ends: int64 [words + labels].
        words: how many of the entries are words.
        labels: as written in the training file, `__label__` included.
        label_tokens: int64 [labels], how often training saw each.
        kept_buckets: int32 [kept] of a pruned model, distinct, or None where every bucket has its row.
        kept_rows: int32 [kept], the row of each kept bucket, counted from the last word's.
    """

    data: npt.NDArray[np.uint8]
    starts: Integers
    ends: Integers
    words: int
    labels: tuple[str, ...]
    label_tokens: Integers
    kept_buckets: npt.NDArray[np.int32] | None
    kept_rows: npt.NDArray[np.int32] | None


@dataclass(frozen=True)
class FastTextFile:
    """A supervised model, checked: rows of `input` are the words, then the n-gram buckets; of `output`, the labels."""

    path: Path
    arguments: Arguments
    dictionary: Dictionary
    input: Matrix
    output: Matrix


def read_fasttext(path: Path) -> FastTextFile:
    """Read a supervised fastText model, dense (.bin) or quantised (.ftz); a dense matrix stays in the file.

    Args:
        path: the file; nothing else may write to it while the result is in use.

    Raises:
        ModelError: the file can't be read, is no supervised fastText model, or is damaged; the message names the file,
            the byte offset and what is wrong there.
    """
    try:
        with path.open("rb") as file:
            # A file of no bytes can't be mapped.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except OSError as error:
        raise ModelError(f"{path}: the model can't be read ({error.strerror}); check the path") from error
    cursor = _Cursor(path, data)
    arguments = _arguments(cursor)
    dictionary = _dictionary(cursor, arguments)
    quantised = cursor.flag("whether the input matrix is quantised")
    if dictionary.kept_buckets is not None and not quantised:
        raise cursor.error("a pruned dictionary beside a dense input matrix")
    inputs = _matrix(cursor, quantised, arguments.dimensions, "input")
    if inputs.rows >= 2**31:
        raise cursor.error(f"an input matrix of {inputs.rows} rows")
    _check_rows(cursor, arguments, dictionary, inputs.rows)
    quantised_output = cursor.flag("whether the output matrix is quantised")
    outputs = _matrix(cursor, quantised and quantised_output, arguments.dimensions, "output")
    if outputs.rows != len(dictionary.labels):
        raise cursor.error(f"the output matrix has {outputs.rows} rows for {len(dictionary.labels)} labels")
    if cursor.offset != len(data):
        raise cursor.error(f"{len(data) - cursor.offset} bytes follow the end of the model")
    return FastTextFile(path, arguments, dictionary, inputs, outputs)


class _Cursor:
    """A position in the file that refuses to read past its end."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        self.path, self.data, self.offset = path, data, 0

    def error(self, what: str, offset: int | None = None) -> ModelError:
        at = self.offset if offset is None else offset
        return ModelError(
            f"{self.path}: damaged or unsupported fastText model at byte {at}: {what}; fetch or train the model again"
        )

    def skip(self, size: int, what: str) -> None:
        left = len(self.data) - self.offset
        if size > left:
            raise self.error(f"{what} needs {size} bytes, and {left} are left")
        self.offset += size

    def array(self, kind: str, count: int, what: str) -> npt.NDArray[Any]:
        dtype, at = np.dtype(kind), self.offset
        self.skip(count * dtype.itemsize, what)
        return np.frombuffer(self.data[at : self.offset], dtype)

    def integer(self, kind: str, what: str, least: int, most: int) -> int:
        at = self.offset
        value = int(self.array(kind, 1, what)[0])
        if not least <= value <= most:
            raise self.error(f"{what} is {value}, not within {least} to {most}", at)
        return value

    def flag(self, what: str) -> bool:
        return self.integer("u1", what, 0, 1) == 1


def _arguments(cursor: _Cursor) -> Arguments:
    if len(cursor.data) < 8 or cursor.array("<i4", 1, "magic")[0] != MAGIC:
        raise ModelError(
            f"{cursor.path}: not a fastText model (byte 0 lacks its mark); give a supervised model's .bin or .ftz file"
        )
    largest = 2**31 - 1
    version = cursor.integer("<i4", "the format's version", 11, 12)
    dimensions = cursor.integer("<i4", "the number of dimensions", 1, largest)
    cursor.array("<i4", 4, "arguments")  # context window, epochs, least count, negatives: of training only
    word_ngrams = cursor.integer("<i4", "the length of word n-grams", 0, LONGEST_NGRAM)
    loss = Loss(cursor.integer("<i4", "the loss", 1, 4))
    at = cursor.offset
    if cursor.integer("<i4", "the kind of model", 1, 3) != 3:
        raise cursor.error("word vectors, not a classifier (trained unsupervised)", at)
    buckets = cursor.integer("<i4", "the number of buckets", 0, largest)
    shortest = cursor.integer("<i4", "the least length of character n-grams", 0, largest)
    longest = cursor.integer("<i4", "the greatest length of character n-grams", 0, LONGEST_NGRAM)
    cursor.array("<i4", 1, "arguments")  # learning-rate update rate
    cursor.array("<f8", 1, "arguments")  # sampling threshold
    if version == 11:
        longest = 0  # supervised models of that version were trained without character n-grams, whatever they say
    if buckets == 0 and (word_ngrams > 1 or longest > 0):
        raise cursor.error("n-grams without buckets")
    return Arguments(dimensions, word_ngrams, loss, buckets, shortest, longest)


def _dictionary(cursor: _Cursor, arguments: Arguments) -> Dictionary:
    largest = 2**31 - 1
    size = cursor.integer("<i4", "the size of the dictionary", 1, largest)
    words = cursor.integer("<i4", "the number of words", 0, size)
    labels = cursor.integer("<i4", "the number of labels", 1, size)
    if words + labels != size:
        raise cursor.error(f"{words} words and {labels} labels in a dictionary of {size}")
    cursor.integer("<i8", "the number of tokens", 0, 2**63 - 1)
    kept = cursor.integer("<i8", "the size of the prune index", -1, largest)
    base, starts, ends = cursor.offset, *_entries(cursor, size)
    raw = np.frombuffer(cursor.data, np.uint8, cursor.offset - base, base).copy()
    starts, ends = starts - base, ends - base
    tokens = raw[(ends[words:] + 1)[:, np.newaxis] + np.arange(8)].view("<i8").astype(np.int64).ravel()
    wrong = np.flatnonzero(raw[ends + 9] != (np.arange(size) >= words))
    if wrong.size:
        raise cursor.error(f"entry {wrong[0]} of the dictionary is of the wrong kind", base + int(ends[wrong[0]]) + 9)
    if tokens.min() < 0 or tokens.astype(np.float64).sum() >= MOST_LABEL_TOKENS:
        raise cursor.error("impossible counts of labels", base)
    names = []
    for start, end in zip(starts[words:].tolist(), ends[words:].tolist(), strict=True):
        try:
            names.append(raw[start:end].tobytes().decode())
        except UnicodeDecodeError as error:
            raise cursor.error("a label that is not UTF-8", base + start) from error
    kept_buckets, kept_rows = _prune_index(cursor, kept, arguments.buckets)
    return Dictionary(raw, starts, ends, words, tuple(names), tokens, kept_buckets, kept_rows)


def _entries(cursor: _Cursor, size: int) -> tuple[Integers, Integers]:
    """Return where the text of each entry starts and ends; a zero byte, an int64 and a byte follow each."""
    if size * 10 > len(cursor.data) - cursor.offset:
        raise cursor.error(f"a dictionary of {size} entries does not fit the file")
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    for i in range(size):
        end = cursor.data.find(b"\0", cursor.offset)
        if end < 0 or end + 10 > len(cursor.data):
            raise cursor.error(f"entry {i} of the dictionary has no end")
        starts[i], ends[i] = cursor.offset, end
        cursor.offset = end + 10
    return starts, ends


def _prune_index(
    cursor: _Cursor, kept: int, buckets: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | tuple[None, None]:
    if kept < 0:
        return None, None
    at = cursor.offset
    pairs = cursor.array("<i4", 2 * kept, "the prune index").astype(np.int32).reshape(kept, 2)
    kept_buckets, kept_rows = pairs[:, 0].copy(), pairs[:, 1].copy()
    if kept and not (kept_buckets.min() >= 0 and kept_buckets.max() < buckets and kept_rows.min() >= 0):
        raise cursor.error("the prune index names a bucket that does not exist", at)
    if np.unique(kept_buckets).size != kept:
        raise cursor.error("the prune index names a bucket twice", at)
    return kept_buckets, kept_rows


def _check_rows(cursor: _Cursor, arguments: Arguments, dictionary: Dictionary, rows: int) -> None:
    words, kept_rows = dictionary.words, dictionary.kept_rows
    if kept_rows is None and rows != words + arguments.buckets:
        raise cursor.error(f"the input matrix has {rows} rows for {words} words and {arguments.buckets} buckets")
    if kept_rows is not None and rows <= words + int(kept_rows.max(initial=-1)):
        raise cursor.error(f"the input matrix has {rows} rows, fewer than its dictionary names")


def _matrix(cursor: _Cursor, quantised: bool, dimensions: int, what: str) -> Matrix:
    norms = quantised and cursor.flag(f"whether the {what} matrix has norms")
    at = cursor.offset
    rows = cursor.integer("<i8", f"the rows of the {what} matrix", 0, 2**62)
    columns = cursor.integer("<i8", f"the columns of the {what} matrix", 1, 2**62)
    if columns != dimensions:
        raise cursor.error(f"the {what} matrix has {columns} columns in a model of {dimensions} dimensions", at)
    if not quantised:
        at = cursor.offset
        cursor.skip(4 * rows * columns, f"the {what} matrix")
        return DenseMatrix(cursor.path, at, rows, columns)
    at = cursor.offset
    size = cursor.integer("<i4", f"the size of the {what} codes", 0, 2**31 - 1)
    codes = cursor.array("u1", size, f"the {what} codes")
    quantiser = _quantiser(cursor, columns, what)
    if size != rows * len(quantiser.parts):
        raise cursor.error(f"{size} codes for {rows} rows of {len(quantiser.parts)} parts", at)
    norm_codes, norm_quantiser = None, None
    if norms:
        norm_codes = cursor.array("u1", rows, f"the {what} norms")
        norm_quantiser = _quantiser(cursor, 1, f"{what} norms'")
    return QuantisedMatrix(
        rows, columns, codes.reshape(rows, len(quantiser.parts)), quantiser, norm_codes, norm_quantiser
    )


def _quantiser(cursor: _Cursor, columns: int, what: str) -> ProductQuantiser:
    at = cursor.offset
    dimensions, parts, width, last = cursor.array("<i4", 4, f"the {what} quantiser").tolist()
    if dimensions != columns or width < 1 or parts != -(-columns // width) or last != columns - (parts - 1) * width:
        raise cursor.error(f"the {what} quantiser cuts {dimensions} dimensions into {parts} parts of {width}", at)
    values = cursor.array("<f4", columns * CENTROIDS, f"the {what} centroids").astype(np.float32)
    edges = [p * CENTROIDS * width for p in range(parts)] + [values.size]
    return ProductQuantiser(tuple(values[a:b].reshape(CENTROIDS, -1) for a, b in itertools.pairwise(edges)))
