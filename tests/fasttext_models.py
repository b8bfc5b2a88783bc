"""Tiny fastText models, trained in the test by the library; the library and plain arithmetic as oracles."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import numpy.typing as npt

from datamix.storage.fasttext_file import FastTextFile, Loss

VOCABULARY = (
    *("the", "of", "and", "café", "naïve", "Straße", "東京", "дом", "кот", "sun", "moon", "1987", "(yes)", "don't"),
    *("a", "b", "c", "😀", "x=1", "<p>", "__init__", "</p>"),
)

# Name: training options, number of labels, quantisation options or None.
KINDS: dict[str, tuple[dict[str, Any], int, dict[str, Any] | None]] = {
    "two labels, bigrams": ({"wordNgrams": 2, "bucket": 500}, 2, None),
    "words only": ({"wordNgrams": 1, "lr": 0.2}, 2, None),
    "one label": ({"wordNgrams": 2, "bucket": 300}, 1, None),
    "characters and trigrams": ({"wordNgrams": 3, "minn": 2, "maxn": 4, "bucket": 700}, 3, None),
    "hierarchical": ({"loss": "hs", "wordNgrams": 2, "bucket": 500}, 5, None),
    "hierarchical, many labels": ({"loss": "hs", "dim": 6, "minn": 1, "maxn": 3, "bucket": 400}, 40, None),
    "one against all": ({"loss": "ova", "wordNgrams": 2, "bucket": 500}, 3, None),
    "negative sampling": ({"loss": "ns", "wordNgrams": 2, "bucket": 500}, 4, None),
    "quantised": ({"wordNgrams": 2, "bucket": 600}, 2, {"dsub": 3}),
    "quantised, pruned": ({"wordNgrams": 2, "bucket": 600}, 2, {"cutoff": 300, "qnorm": True}),
    "quantised, pruned, characters": (
        {"wordNgrams": 2, "minn": 2, "maxn": 3, "bucket": 900, "loss": "hs"},
        4,
        {"cutoff": 400, "qnorm": True, "dsub": 4},
    ),
    "quantised output": ({"wordNgrams": 2, "bucket": 600}, 300, {"qout": True, "qnorm": True}),
}


def sentences(count: int, seed: int) -> list[str]:
    """Return texts of known and unknown words."""
    source = random.Random(seed)  # noqa: S311
    words = [*VOCABULARY] + [f"word{source.randrange(400)}" for _ in range(300)]
    return [" ".join(source.choices(words, k=source.randrange(1, 30))) for _ in range(count)]


def on_topics(texts: list[str], labels: int) -> list[str]:
    """Return `texts` with two words in front that tell the label of each, so that there is something to learn."""
    return [f"topic{i % labels} subject{i % labels} {text}" for i, text in enumerate(texts)]


def train(folder: Path, kind: str) -> Path:
    """Train the model `kind` in `folder`, and return its file."""
    options, labels, quantisation = KINDS[kind]
    lines = folder / "lines.txt"
    texts = on_topics(sentences(max(400, 5 * labels), seed=1), labels)
    lines.write_text("".join(f"__label__l{i % labels} {text}\n" for i, text in enumerate(texts)), "utf-8")
    settings = {"dim": 8, "lr": 1.0, "epoch": 30, "thread": 1, "verbose": 0, "minCount": 2} | options
    model = fasttext.train_supervised(str(lines), **settings)
    if quantisation is not None:
        model.quantize(input=str(lines), thread=1, verbose=0, **quantisation)
    path = folder / "model.ftz"
    model.save_model(str(path))
    return path


def library_scorer(path: Path) -> Callable[[str], dict[str, float]]:
    """Return fastText's own scoring of a text in one line: probabilities by label, without `__label__`."""
    model = fasttext.FastText._FastText(str(path))
    count = len(model.labels)

    def score(text: str) -> dict[str, float]:
        pairs = model.f.predict(text.replace("\n", " ") + "\n", count, 0.0, "strict")
        return {label.removeprefix("__label__"): probability for probability, label in pairs}

    return score


def exact_softmax(model: FastTextFile, text: str) -> npt.NDArray[np.float64]:
    """Score with a softmax model in double precision, feature by feature, as its paper says it."""
    arguments, dictionary = model.arguments, model.dictionary
    assert arguments.loss is Loss.SOFTMAX
    table, output = model.input.block(0, model.input.rows), model.output.block(0, model.output.rows)
    entries = zip(dictionary.starts[: dictionary.words], dictionary.ends, strict=False)
    known = {dictionary.data[a:b].tobytes(): i for i, (a, b) in enumerate(entries)}
    kept = None
    if dictionary.kept_buckets is not None and dictionary.kept_rows is not None:
        kept = dict(zip(dictionary.kept_buckets.tolist(), dictionary.kept_rows.tolist(), strict=True))
    rows: list[int] = []

    def add(bucket: int) -> None:
        if kept is None or bucket in kept:
            rows.append(dictionary.words + (bucket if kept is None else kept[bucket]))

    hashes = []
    for word in [*re.split(rb"[ \n\r\t\v\f\0]+", text.encode()), b"</s>"]:
        if word:
            if word in known:
                rows.append(known[word])
            if word != b"</s>" and arguments.longest:
                spelt = "<" + word.decode() + ">"
                for i in range(len(spelt)):
                    for length in range(arguments.shortest, arguments.longest + 1):
                        piece = spelt[i : i + length]
                        if len(piece) == length and piece not in ("<", ">"):
                            add(fnv(piece.encode()) % arguments.buckets)
            hashes.append(fnv(word))
    signed = [h - 2**32 if h >= 2**31 else h for h in hashes]
    for i, first in enumerate(signed):
        h = first
        for following in signed[i + 1 : i + arguments.word_ngrams]:
            h = (h * 116049371 + following) % 2**64
            add(h % arguments.buckets)
    logits = output.astype(float) @ table[rows].astype(float).mean(axis=0)
    shares = np.exp(logits - logits.max())
    return shares / shares.sum() + 1e-5


def fnv(data: bytes) -> int:
    """Return fastText's hash of a word: 32-bit FNV-1a over signed bytes."""
    h = 2166136261
    for byte in data:
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) % 2**32
    return h
