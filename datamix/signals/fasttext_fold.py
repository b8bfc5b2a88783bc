"""Folds a fastText model's output layer into its input table, and indexes its dictionary.

A supervised model is linear between the lookup of features and the loss, so E @ W.T (input and output matrices) is
taken once, while loading, and scoring adds up a number per feature and output instead of a row of E. Where outputs
outnumber dimensions the rows stay as they are and W is applied to their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datamix.errors import ModelError
from datamix.kernels.buffers import Bytes
from datamix.kernels.fasttext import KEPT_SLOT, SKIPPED, SLOT, Features, add_subwords, find_slots
from datamix.kernels.fasttext_output import project
from datamix.kernels.fasttext_words import Words, hash_words
from datamix.storage.fasttext_file import Dictionary, FastTextFile, Loss
from datamix.storage.fasttext_matrix import Matrix

Floats = npt.NDArray[np.float32]
Tree = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]

_BLOCK_BYTES = 1 << 22
_END = b"</s>"


@dataclass(frozen=True)
class FoldedModel:
    """A model's arithmetic.

    Args:
        features: the table; its width is the number of outputs, or of dimensions where `layer` is kept.
        layer: float32 [outputs, dimensions], or None where it was folded into the table.
        loss: how outputs become probabilities.
        tree: of hierarchical softmax, the left and the right child of each inner node, int32 [labels - 1].
    """

    features: Features
    layer: Floats | None
    loss: Loss
    tree: Tree


def fold(model: FastTextFile) -> FoldedModel:
    """Fold a model, its input matrix read block by block.

    Raises:
        ModelError: a weight is not finite.
    """
    layer = _output_layer(model)
    keep_layer = len(layer) == 0 or len(layer) > model.arguments.dimensions
    weights = _weights(model.input, None if keep_layer else layer)
    if not (np.isfinite(weights).all() and np.isfinite(layer).all()):
        raise ModelError(
            f"{model.path}: damaged fastText model: a weight is not finite; fetch or train the model again"
        )
    return FoldedModel(
        features=_features(model, weights),
        layer=layer if keep_layer else None,
        loss=model.arguments.loss,
        tree=huffman_tree(model.dictionary.label_tokens.tolist()),
    )


def huffman_tree(tokens: Sequence[int]) -> Tree:
    """Build fastText's tree over labels of these frequencies, most frequent first; ties go to the inner node.

    Returns:
        The left and the right child of each inner node, int32 [labels - 1]: a label's number, or labels + inner node's.
    """
    labels = len(tokens)
    weight = list(tokens)
    children = np.zeros((2, labels - 1), np.int32)
    leaf, node = labels - 1, labels
    for inner in range(labels - 1):
        for side in range(2):
            if leaf >= 0 and (node >= len(weight) or weight[leaf] < weight[node]):
                children[side, inner], leaf = leaf, leaf - 1
            else:
                children[side, inner], node = node, node + 1
        weight.append(weight[children[0, inner]] + weight[children[1, inner]])
    return children[0], children[1]


def _output_layer(model: FastTextFile) -> Floats:
    """Return float32 [outputs, dimensions]; softmax does without its first label, from which the others are counted."""
    matrix = model.output.block(0, model.output.rows)
    match model.arguments.loss:
        case Loss.SOFTMAX:
            return np.ascontiguousarray(matrix[1:] - matrix[0])
        case Loss.HIERARCHICAL_SOFTMAX:
            return matrix[:-1].copy()
        case _:
            return matrix


def _weights(matrix: Matrix, layer: Floats | None) -> Floats:
    """Return float32 [rows, outputs], or [rows, dimensions] without a layer."""
    weights = np.empty((matrix.rows, matrix.columns if layer is None else len(layer)), np.float32)
    step = max(1, _BLOCK_BYTES // (4 * matrix.columns))
    for start in range(0, matrix.rows, step):
        end = min(start + step, matrix.rows)
        if layer is None:
            weights[start:end] = matrix.block(start, end)
        else:
            project(matrix.block(start, end), layer, weights[start:end])
    return weights


def _features(model: FastTextFile, weights: Floats) -> Features:
    """Index the dictionary; each word's row then holds the sum of its own and its character n-grams' weights."""
    arguments, dictionary = model.arguments, model.dictionary
    # `</s>` goes last, as one more entry that is not scored where it stands in a text.
    entries = read_only(np.append(dictionary.data, np.frombuffer(b"</s>", np.uint8)))
    starts = np.append(dictionary.starts, len(dictionary.data))
    ends = np.append(dictionary.ends, len(entries))
    words = empty_words(len(entries), len(starts))
    longest_word = hash_words(entries, starts, ends, words)
    single = np.flatnonzero(np.diff(words.first) == 1)
    at = words.first[single]
    whole = (words.starts[at] == starts[single]) & (words.ends[at] == ends[single])
    single, keys = single[whole], words.keys[at[whole]]
    end_rows = single[(keys == keys[-1]) & (single < dictionary.words)]

    table, shift, slots = _table(keys, SLOT)
    kept, kept_shift = _kept_table(dictionary)
    features = Features(
        words=table,
        words_shift=shift,
        kept=kept,
        kept_shift=kept_shift,
        pruned=dictionary.kept_buckets is not None,
        first_bucket=dictionary.words,
        buckets=arguments.buckets,
        word_ngrams=arguments.word_ngrams,
        shortest=arguments.shortest,
        longest=arguments.longest,
        end_row=int(end_rows[-1]) if end_rows.size else SKIPPED,
        weights=weights.reshape(-1),
        width=weights.shape[1],
    )
    counts = np.ones(len(starts), np.int32)
    if arguments.longest > 0:
        add_subwords(entries, words, longest_word, features, counts[: dictionary.words])
    table["row"][slots] = np.where(single < dictionary.words, single, SKIPPED)
    table["features"][slots] = counts[single]
    return features


def _kept_table(dictionary: Dictionary) -> tuple[npt.NDArray[np.void], int]:
    if dictionary.kept_buckets is None or dictionary.kept_rows is None:
        return np.zeros(2, KEPT_SLOT), 63
    kept, shift, slots = _table(dictionary.kept_buckets.astype(np.uint64) + np.uint64(1), KEPT_SLOT)
    kept["row"][slots] = dictionary.kept_rows + np.int32(dictionary.words)
    return kept, shift


def _table(
    keys: npt.NDArray[np.uint64], slot_type: np.dtype[np.void]
) -> tuple[npt.NDArray[np.void], int, npt.NDArray[np.int64]]:
    """Return an open-addressing table that has the keys, at most half full, its shift, and the slot of each key."""
    bits = max(1, (2 * len(keys) - 1).bit_length())
    table, slots = np.zeros(1 << bits, slot_type), np.empty(len(keys), np.int64)
    find_slots(keys, table, 64 - bits, slots)
    return table, 64 - bits, slots


def empty_words(data_bytes: int, documents: int) -> Words:
    """Return room for the words of `documents` documents of `data_bytes` bytes together."""
    most = data_bytes // 2 + documents
    return Words(
        np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64), np.empty(documents + 1, np.int64)
    )


def read_only(array: Bytes) -> Bytes:
    """Return a read-only view: kernels are compiled once, for bytes as files give them."""
    view = array.view()
    view.flags.writeable = False
    return view
