"""Sums over a fastText model's features: words, character n-grams, word n-grams, looked up in its (folded) table.

The definitions are those of fastText 0.9.2 (Joulin et al. 2016, https://arxiv.org/abs/1607.01759): character n-grams
are hashed from `<word>`, and the hash of a word n-gram is h * 116049371 + next over sign-extended 32-bit word hashes.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamix.kernels.buffers import Bytes, Offsets
from datamix.kernels.compile import kernel
from datamix.kernels.fasttext_words import FNV_OFFSET, FNV_PRIME, Words

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
Table = npt.NDArray[np.float64]

SLOT = np.dtype([("key", np.uint64), ("row", np.int32), ("features", np.int32)], align=True)
"""A slot of the table of words: row of the weights (SKIPPED: not scored at all), how many features are summed in it."""

KEPT_SLOT = np.dtype([("key", np.uint32), ("row", np.int32)], align=True)
"""A slot of the table of a pruned model's buckets: bucket + 1, and the row of its weights."""

SKIPPED = -1
"""Row of words that are not scored where they stand in a text: labels, and `</s>`, to fastText an end of line."""

_LABEL_PREFIX = np.frombuffer(b"__label__", np.uint8)
_NGRAM_FACTOR = np.uint64(116049371)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_END_HASH = np.uint32(functools.reduce(lambda h, byte: (h ^ byte) * int(FNV_PRIME) % 2**32, b"</s>", int(FNV_OFFSET)))
_BLOCK_ROWS = 4096


class Features(NamedTuple):
    """A model's features and the weights that each one adds.

    Args:
        words: SLOT [a power of two, at most half full], by key.
        words_shift: 64 - log2 of its length.
        kept: KEPT_SLOT [a power of two, at most half full], of a pruned model.
        kept_shift: 64 - log2 of its length.
        pruned: whether only the buckets in `kept` have rows; else bucket b has row first_bucket + b.
        first_bucket: row of the first bucket.
        buckets: number of buckets.
        word_ngrams: longest word n-gram.
        shortest: least length of a character n-gram.
        longest: greatest length of a character n-gram; 0 means none.
        end_row: row of `</s>`, or SKIPPED.
        weights: float32 [rows * width].
        width: numbers in a row.
    """

    words: npt.NDArray[np.void]
    words_shift: int
    kept: npt.NDArray[np.void]
    kept_shift: int
    pruned: bool
    first_bucket: int
    buckets: int
    word_ngrams: int
    shortest: int
    longest: int
    end_row: int
    weights: Floats
    width: int


class Spellings(NamedTuple):
    """A memory of sums over the character n-grams of unknown words, which repeat; it changes speed, never results.

    Args:
        keys: uint64 [a power of two], all 0 at first.
        features: int32, of the same length.
        sums: float32 [length * width].
    """

    keys: Keys
    features: Rows
    sums: Floats


@kernel
def _find(table: npt.NDArray[np.void], shift: int, key: np.uint64) -> int:
    """Return the slot of `key`, or the empty one where it would go."""
    slot = int(np.int64((key * _SPREAD) >> np.uint64(shift)))
    while table[slot].key != key and table[slot].key != 0:
        slot = (slot + 1) & (table.shape[0] - 1)
    return slot


@kernel
def find_slots(keys: Keys, table: npt.NDArray[np.void], shift: int, slots: Offsets) -> None:
    """Set the keys (none 0) of `table`, all zero at first and at least twice as long; fill `slots` with their slots."""
    for i in range(keys.shape[0]):
        slot = _find(table, shift, keys[i])
        table[slot].key = keys[i]
        slots[i] = slot


@kernel
def _bucket_row(model: Features, bucket: int) -> int:
    """Return the row of a bucket, or SKIPPED where it was pruned."""
    if not model.pruned:
        return model.first_bucket + bucket
    slot = _find(model.kept, model.kept_shift, np.uint64(bucket + 1))
    return int(np.int64(model.kept[slot].row)) if model.kept[slot].key != 0 else SKIPPED


@kernel
def _sum_subwords(data: Bytes, start: int, end: int, model: Features, spelt: Bytes, sums: Doubles) -> int:
    """Fill `sums` over the character n-grams of `<word>`, and return how many they are; `spelt` is scratch."""
    size = end - start + 2
    spelt[0], spelt[size - 1] = 60, 62
    for k in range(start, end):
        spelt[k - start + 1] = data[k]
    for c in range(model.width):
        sums[c] = 0.0
    count = 0
    for i in range(size):
        if spelt[i] & 0xC0 == 0x80:
            continue
        h = FNV_OFFSET
        j = i
        for length in range(1, model.longest + 1):
            if j >= size:
                break
            while True:
                h = np.uint32((h ^ np.uint32(np.int32(np.int8(spelt[j])))) * FNV_PRIME)
                j += 1
                if j >= size or spelt[j] & 0xC0 != 0x80:
                    break
            if length >= model.shortest and not (length == 1 and (i == 0 or j == size)):
                row = _bucket_row(model, int(np.int64(np.uint64(h) % np.uint64(model.buckets))))
                if row != SKIPPED:
                    count += 1
                    for c in range(model.width):
                        sums[c] += model.weights[row * model.width + c]
    return count


@kernel
def _is_label(data: Bytes, start: int, end: int) -> bool:
    if data[start] != _LABEL_PREFIX[0] or end - start < _LABEL_PREFIX.shape[0]:
        return False
    same = True
    for k in range(_LABEL_PREFIX.shape[0]):
        same = same and data[start + k] == _LABEL_PREFIX[k]
    return same


@kernel
def _add_rows(weights: Floats, width: int, rows: Rows, n: int, sums: Doubles) -> None:
    if width == 1:  # kept in a register: half the time of the loop below
        total = 0.0
        for i in range(n):
            total += weights[rows[i]]
        sums[0] += total
        return
    for i in range(n):
        base = np.int64(rows[i]) * width
        for c in range(width):
            sums[c] += weights[base + c]


@kernel
def add_subwords(data: Bytes, words: Words, longest_word: int, model: Features, features: Rows) -> None:
    """Add to the row of each word, words[i] being row i, the weights of its character n-grams, and their number.

    Args:
        data: the bytes that `words` points into.
        words: one for each document, or none where the document is no single word.
        longest_word: what hash_words returned.
        model: its weights are changed, save those of `</s>`, which has no character n-grams.
        features: int32 [documents], changed: how many features each row stands for.
    """
    spelt = np.empty(longest_word + 2, np.uint8)
    sums = np.empty(model.width, np.float64)
    for d in range(features.shape[0]):
        w = words.first[d]
        if words.first[d + 1] == w + 1 and d != model.end_row:
            features[d] += _sum_subwords(data, words.starts[w], words.ends[w], model, spelt, sums)
            for c in range(model.width):
                model.weights[d * model.width + c] += sums[c]


@kernel
def sum_rows(
    data: Bytes, words: Words, longest_word: int, model: Features, memory: Spellings, sums: Table, features: Offsets
) -> None:
    """Add up the weights of every feature of each document: words, character n-grams, word n-grams, a final `</s>`.

    Args:
        data: the bytes that `words` points into.
        words: from hash_words.
        longest_word: what hash_words returned.
        model: features and weights.
        memory: from an earlier call for the same model, or empty.
        sums: float64 [documents, model.width], filled.
        features: int64 [documents], filled: how many features were added.
    """
    documents, width = sums.shape
    most_words = 0
    for d in range(documents):
        most_words = max(most_words, words.first[d + 1] - words.first[d])
    hashes = np.empty(most_words + 1, np.int32)
    rows = np.empty(_BLOCK_ROWS + model.word_ngrams + 1, np.int32)
    spelt = np.empty(longest_word + 2, np.uint8)
    word_sums = np.empty(width, np.float64)
    buckets = np.uint64(model.buckets)
    for d in range(documents):
        for c in range(width):
            sums[d, c] = 0.0
        count, m = 0, 0
        n = int(np.int64(0))  # typed, since a literal zero would compile the callee once more
        for w in range(words.first[d], words.first[d + 1]):
            if n >= _BLOCK_ROWS:
                _add_rows(model.weights, width, rows, n, sums[d])
                n = int(np.int64(0))
            key = words.keys[w]
            slot = _find(model.words, model.words_shift, key)
            if model.words[slot].key != 0:
                if model.words[slot].row == SKIPPED:
                    continue
                rows[n] = model.words[slot].row
                n += 1
                count += model.words[slot].features
            elif _is_label(data, words.starts[w], words.ends[w]):
                continue
            elif model.longest > 0:
                place = np.int64((key * _SPREAD) >> np.uint64(32)) & (memory.keys.shape[0] - 1)
                if memory.keys[place] != key:
                    memory.keys[place] = key
                    memory.features[place] = _sum_subwords(
                        data, words.starts[w], words.ends[w], model, spelt, word_sums
                    )
                    for c in range(width):
                        memory.sums[place * width + c] = word_sums[c]
                count += memory.features[place]
                for c in range(width):
                    sums[d, c] += memory.sums[place * width + c]
            hashes[m] = np.int32(np.uint32(key >> np.uint64(32)))
            m += 1
        if model.end_row != SKIPPED:
            rows[n] = model.end_row
            n += 1
            count += 1
        hashes[m] = np.int32(_END_HASH)
        m += 1
        if model.word_ngrams > 1:
            for i in range(m - 1):
                if n >= _BLOCK_ROWS:
                    _add_rows(model.weights, width, rows, n, sums[d])
                    n = int(np.int64(0))
                h = np.uint64(np.int64(hashes[i]))
                for j in range(i + 1, min(i + model.word_ngrams, m)):
                    h = h * _NGRAM_FACTOR + np.uint64(np.int64(hashes[j]))
                    row = _bucket_row(model, int(np.int64(h % buckets)))
                    if row != SKIPPED:
                        rows[n] = row
                        n += 1
                        count += 1
        _add_rows(model.weights, width, rows, n, sums[d])
        features[d] = count
