"""fastText models as scorers: loaded once in a process, pinned by their hash, and applied to batches of texts."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.errors import ModelError, nearest
from datamix.kernels.buffers import Bytes, Offsets, text_buffers
from datamix.kernels.fasttext import Spellings, sum_rows
from datamix.kernels.fasttext_output import hierarchical_softmax, one_vs_all, project, softmax
from datamix.kernels.fasttext_words import Words, hash_words, lower_bytes
from datamix.kernels.unicode import UNICODE_VERSION, code_points
from datamix.signals.fasttext_fold import FoldedModel, empty_words, fold, read_only
from datamix.storage.fasttext_file import Dictionary, Loss, read_fasttext

LONGEST_TEXT_BYTES = 1 << 20
"""What is scored of one document: its first MiB, cut before a character that does not fit whole."""

Floats = npt.NDArray[np.float32]
Normalisation = Literal["none", "lower"]

_SCORING_VERSION = 1
_BATCH_BYTES = 1 << 18
_SPELLINGS = 1 << 14
_KNOWN_WORDS = 20


@dataclass(frozen=True)
class Scorer:
    """A model ready to score; read-only, and safe to use from several threads.

    Args:
        labels: without `__label__`, in the order of the columns of its probabilities.
        normalisation: what is done to a text before its words are hashed.
        model: the arithmetic.
    """

    labels: tuple[str, ...]
    normalisation: Normalisation
    model: FoldedModel

    def probabilities(self, texts: pa.LargeStringArray) -> Floats:
        """Return float32 [texts, labels], as `score_all` does for several models."""
        return score_all([self], texts)[0]

    def column(self, label: str, path: Path) -> int:
        """Return the column of `label`; see `label_column`."""
        return label_column(label, self.labels, path)


def model_hash(path: Path) -> str:
    """Return the SHA-256 of a model's file, in hexadecimal.

    Raises:
        ModelError: the file can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: the model can't be read ({error.strerror}); check the path") from error


def card_path(path: Path) -> Path:
    """Return where the card of the model at `path` lies: `quality.ftz.card.json` beside `quality.ftz`."""
    return path.with_name(path.name + ".card.json")


def model_normalisation(path: Path) -> Normalisation:
    """Return the text normalisation that the model's card names; "none" without a card, or where the card is silent.

    Raises:
        ModelError: the card is no JSON object, or names an unknown normalisation.
    """
    card = card_path(path)
    if not card.exists():
        return "none"
    try:
        content = json.loads(card.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{card}: the model's card is not readable JSON ({error}); write it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{card}: the model's card must be a JSON object; write it again")
    match content.get("normalise", "none"):
        case "none":
            return "none"
        case "lower":
            return "lower"
        case other:
            raise ModelError(f"{card}: normalise is {other!r}; write 'none' or 'lower'")


def model_definition(path: Path, sha256: str) -> dict[str, str | int]:
    """Return what determines a model's scores: the file, how texts are normalised for it, and how this code scores.

    Raises:
        ModelError: as `model_normalisation`.
    """
    normalisation = model_normalisation(path)
    definition: dict[str, str | int] = {
        "scoring": _SCORING_VERSION,
        "model": sha256,
        "normalise": normalisation,
        "longest_text_bytes": LONGEST_TEXT_BYTES,
    }
    return definition | ({"unicode": UNICODE_VERSION} if normalisation == "lower" else {})


def model_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of the model at `path`, without `__label__`.

    Raises:
        ModelError: the file is damaged or is no supervised model.
    """
    return _plain(read_fasttext(path).dictionary.labels)


def label_column(label: str, labels: Sequence[str], path: Path) -> int:
    """Return where `label`, given with or without `__label__`, stands among the labels of the model at `path`.

    Raises:
        ModelError: the model has no such label.
    """
    name = label.removeprefix("__label__")
    if name not in labels:
        some = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
        raise ModelError(f"{path}: the model has no label {label!r}{nearest(name, labels)} (it has {some})")
    return labels.index(name)


@functools.cache
def load_scorer(path: Path, sha256: str) -> Scorer:
    """Return the model at `path`, loaded once in a process.

    Args:
        path: a supervised model, .bin or .ftz, with its card beside it or none.
        sha256: what `model_hash` gave when the model was chosen.

    Raises:
        ModelError: the file is damaged, is no supervised model, or is not the one that was chosen.
    """
    if model_hash(path) != sha256:
        raise ModelError(f"{path}: the model changed while it was in use (its SHA-256 was {sha256}); run again")
    file = read_fasttext(path)
    scorer = Scorer(_plain(file.dictionary.labels), model_normalisation(path), fold(file))
    if not np.isfinite(scorer.probabilities(_most_frequent_words(file.dictionary))).all():
        raise ModelError(f"{path}: the model gives no score for its own words; fetch or train it again")
    return scorer


def score_all(scorers: Sequence[Scorer], texts: pa.LargeStringArray) -> list[Floats]:
    r"""Score texts with several models, which share the pass over the words.

    Every text is scored whole up to its first MiB: line ends are spaces, a word `</s>` is skipped, and one `</s>` ends
    the document, as if fastText were given the text in one line.

    Args:
        scorers: the models.
        texts: large_string without nulls.

    Returns:
        For each model float32 [texts, labels], fastText's own offset of 1e-5 included; a row of NaN where the model
        knows no feature of a text. Those of a softmax are within 4e-8 of arithmetic in double precision, and equal to
        fastText's to 1e-5 where its own sums, in float32, are that exact: with models of n-grams for texts up to about
        10 kB. The sigmoid of one-vs-all has 512 steps, and a sum near the edge of one may fall on the next.
    """
    data, offsets = text_buffers(texts)
    data, starts = read_only(data), offsets[:-1].copy()
    ends = _capped(data, starts, offsets[1:])
    batches = list(_batches(ends - starts))
    room = empty_words(
        max((int((ends - starts)[first:last].sum()) for first, last in batches), default=0),
        max((last - first for first, last in batches), default=0),
    )
    memories = [_spellings(scorer.model) for scorer in scorers]
    results = [np.empty((len(texts), len(scorer.labels)), np.float32) for scorer in scorers]
    order = sorted(range(len(scorers)), key=lambda i: scorers[i].normalisation)
    for first, last in batches:
        for normalisation, group in itertools.groupby(order, key=lambda i: scorers[i].normalisation):
            piece, low, high = data, starts[first:last], ends[first:last]
            if normalisation == "lower":
                piece, low, high = _lowered(data, low, high)
            longest_word = hash_words(piece, low, high, room)
            for i in group:
                _score(scorers[i].model, piece, room, longest_word, memories[i], results[i][first:last])
    return results


def lowered_texts(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return `texts` in lower case as scoring sees them under the normalisation "lower": each code point by itself.

    This is what a model with that normalisation must be trained on. `str.lower` differs for U+0130 and a final sigma.
    """
    data, offsets = text_buffers(texts)
    lowered, _, ends = _lowered(read_only(data), offsets[:-1].copy(), offsets[1:].copy())
    bounds = np.append(np.zeros(1, np.int64), ends)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(bounds), pa.py_buffer(lowered[: bounds[-1]]))


def _most_frequent_words(dictionary: Dictionary) -> pa.LargeBinaryArray:
    """Return one text that the model certainly knows: the dictionary goes by frequency."""
    count = min(_KNOWN_WORDS, dictionary.words)
    bounds = zip(dictionary.starts[:count].tolist(), dictionary.ends[:count].tolist(), strict=True)
    return pa.array([b" ".join(dictionary.data[a:b].tobytes() for a, b in bounds)], pa.large_binary())


def _plain(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(label.removeprefix("__label__") for label in labels)


def _capped(data: Bytes, starts: Offsets, ends: Offsets) -> Offsets:
    capped = np.minimum(ends, starts + LONGEST_TEXT_BYTES)
    for _ in range(3):  # at most three bytes continue a character
        cut = np.flatnonzero(capped < ends)
        capped[cut] -= data[capped[cut]] & 0xC0 == 0x80
    return capped


def _batches(sizes: Offsets) -> Iterator[tuple[int, int]]:
    """Cut documents of `sizes` bytes into runs whose words stay in the processor's cache."""
    group = np.cumsum(sizes) // _BATCH_BYTES
    edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(sizes)]
    return ((first, last) for first, last in itertools.pairwise(edges) if first < last)


def _lowered(data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets, Offsets]:
    out = np.empty(2 * int((ends - starts).sum()), np.uint8)
    bounds = np.empty(len(starts) + 1, np.int64)
    lower_bytes(data, starts, ends, code_points().lower, out, bounds)
    return read_only(out), bounds[:-1], bounds[1:]


def _spellings(model: FoldedModel) -> Spellings:
    size = _SPELLINGS if model.features.longest > 0 else 1
    return Spellings(
        np.zeros(size, np.uint64), np.empty(size, np.int32), np.empty(size * model.features.width, np.float32)
    )


def _score(
    model: FoldedModel, data: Bytes, words: Words, longest_word: int, memory: Spellings, probabilities: Floats
) -> None:
    sums = np.empty((len(probabilities), model.features.width), np.float64)
    features = np.empty(len(probabilities), np.int64)
    sum_rows(data, words, longest_word, model.features, memory, sums, features)
    outputs = (sums / np.maximum(features, 1)[:, np.newaxis]).astype(np.float32)
    if model.layer is not None:
        hidden, outputs = outputs, np.empty((len(outputs), len(model.layer)), np.float32)
        project(hidden, model.layer, outputs)
    if model.loss is Loss.SOFTMAX:
        softmax(outputs, probabilities)
    elif model.loss is Loss.HIERARCHICAL_SOFTMAX:
        hierarchical_softmax(outputs, *model.tree, probabilities)
    else:
        one_vs_all(outputs, probabilities)
    probabilities[features == 0] = np.nan
