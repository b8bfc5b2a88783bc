from __future__ import annotations

import numpy as np
import pytest

from datamix.kernels.fasttext import KEPT_SLOT, SKIPPED, SLOT, Features, Spellings, add_subwords, find_slots, sum_rows
from datamix.kernels.fasttext_words import hash_words
from datamix.signals.fasttext_fold import empty_words, read_only
from tests.fasttext_models import fnv

BUCKETS = 50


def features(*, width: int, word_ngrams: int = 1, longest: int = 0, kept: dict[int, int] | None = None) -> Features:
    """Return a model without words, in which bucket b has row b (or kept[b]), and row r the weights r, r + 1, ..."""
    rows = BUCKETS if kept is None else len(kept)
    table = np.zeros(256, KEPT_SLOT)
    if kept:
        slots = np.empty(len(kept), np.int64)
        find_slots(np.array(list(kept), np.uint64) + np.uint64(1), table, 56, slots)
        table["row"][slots] = list(kept.values())
    weights = np.arange(rows, dtype=np.float32)[:, np.newaxis] + np.arange(width, dtype=np.float32)
    return Features(
        words=np.zeros(2, SLOT), words_shift=63, kept=table, kept_shift=56, pruned=kept is not None, first_bucket=0,
        buckets=BUCKETS, word_ngrams=word_ngrams, shortest=1, longest=longest, end_row=SKIPPED,
        weights=weights.reshape(-1), width=width,
    )  # fmt: skip


def summed(model: Features, text: bytes, spellings: int = 4) -> tuple[list[float], int]:
    data = read_only(np.frombuffer(text, np.uint8))
    words = empty_words(len(data), 1)
    longest = hash_words(data, np.zeros(1, np.int64), np.full(1, len(data)), words)
    memory = Spellings(
        np.zeros(spellings, np.uint64), np.empty(spellings, np.int32), np.empty(spellings * model.width, np.float32)
    )
    sums, count = np.empty((1, model.width), np.float64), np.empty(1, np.int64)
    sum_rows(data, words, longest, model, memory, sums, count)
    return sums[0].tolist(), int(count[0])


def pieces(word: str, longest: int) -> list[int]:
    spelt = f"<{word}>"
    found = [spelt[i : i + n] for i in range(len(spelt)) for n in range(1, longest + 1) if i + n <= len(spelt)]
    return [fnv(piece.encode()) % BUCKETS for piece in found if piece not in "<>"]


@pytest.mark.parametrize("width", [1, 3])
def test_adds_character_ngrams(width: int) -> None:
    text = "été 東京 sun sun a été"
    buckets = [bucket for word in text.split() for bucket in pieces(word, 3)]
    sums, count = summed(features(width=width, longest=3), text.encode())
    assert count == len(buckets)
    assert sums == [sum(buckets) + c * count for c in range(width)]
    assert summed(features(width=width, longest=3), text.encode(), spellings=1024) == (sums, count)


@pytest.mark.parametrize("width", [1, 3])
def test_adds_word_ngrams_of_more_words_than_a_block(width: int) -> None:
    words = [f"w{i % 91}" for i in range(9000)]
    signed = [h - 2**32 if h >= 2**31 else h for h in map(fnv, [word.encode() for word in [*words, "</s>"]])]
    buckets = []
    for i, h in enumerate(signed):
        for following in signed[i + 1 : i + 3]:
            h = (h * 116049371 + following) % 2**64
            buckets.append(h % BUCKETS)
    text = " ".join(words).encode()
    assert summed(features(width=width, word_ngrams=3), text)[0][0] == sum(buckets)
    kept = {bucket: row for row, bucket in enumerate(range(0, BUCKETS, 3))}
    sums, count = summed(features(width=width, word_ngrams=3, kept=kept), text)
    assert (sums[0], count) == (sum(kept.get(b, 0) for b in buckets), sum(b in kept for b in buckets))


def test_labels_in_a_text_are_no_words() -> None:
    model = features(width=1, word_ngrams=2)
    assert summed(model, b"a __label__x b") == summed(model, b"a b")
    assert summed(model, b"a __label b") != summed(model, b"a b")


def test_adds_a_word_s_ngrams_to_its_row() -> None:
    data = read_only(np.frombuffer("sunété".encode(), np.uint8))
    words = empty_words(len(data), 2)
    longest = hash_words(data, np.array([0, 3]), np.array([3, len(data)]), words)
    model = features(width=1, longest=2)
    before, counts = model.weights.copy(), np.ones(2, np.int32)
    add_subwords(data, words, longest, model, counts)
    assert counts.tolist() == [1 + len(pieces("sun", 2)), 1 + len(pieces("été", 2))]
    assert model.weights[0] == before[0] + sum(pieces("sun", 2))
    np.testing.assert_array_equal(model.weights[2:], before[2:])
