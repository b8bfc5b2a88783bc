"""fastText scoring side by side with the library: whole documents, the same models, one core, in the same run.

One model has 2 labels, 100 dimensions, word bigrams and 2 million buckets, trained here within seconds on labels that
stand for nothing; the other is lid.176.ftz, where `models/` beside the corpus has it.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks._corpus import corpus_texts
from datamix.errors import InputError
from datamix.signals.fasttext_model import load_scorer, lowered_texts, model_hash

Result = dict[str, Any]
Measurement = dict[str, float]

SAMPLE_BYTES = 24_000_000
TRAINING_BYTES = 12_000_000
LONGEST_BYTES = (
    100_000  # longer texts are rare; from about 10 kB on the library's float32 sums are off by more than 1e-5
)
ROUNDS = 4
LIBRARY_SHARE = 6  # of the sample, every sixth document: it is that much slower


def run(corpus: Path) -> list[Result]:
    """Measure both sides on the same documents of `corpus`, a folder of Parquet files with a column `text`."""
    texts = sample(corpus)
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder) / "two-labels.bin"
        in_child(train, texts, big)
        results = compare("2 labels, dim 100, bigrams, 2M buckets", texts, big)
    languages = corpus.parent / "models" / "lid.176.ftz"
    return results + (compare("lid.176.ftz", texts, languages) if languages.is_file() else [])


def compare(what: str, texts: pa.LargeStringArray, model: Path) -> list[Result]:
    """Return speed and memory of both sides, each in a process of its own."""
    in_child(measure_datamix, texts[:10], model)  # fills the cache of kernels
    ours = in_child(measure_datamix, texts, model)
    there = importlib.util.find_spec("fasttext") is not None
    theirs = in_child(measure_library, texts, model) if there else None
    note = {} if there else {"note": "pip install fasttext-wheel"}
    rows = [("MB/s", "higher", f"scoring, {what}, one core"), ("MB", "lower", f"memory of the loaded model, {what}")]
    return [
        {
            "what": name,
            "ours": round(ours[unit], 1),
            "against": "fasttext" if theirs else None,
            "theirs": round(theirs[unit], 1) if theirs else None,
            "unit": unit,
            "better": better,
            "ratio": round(_ratio(ours[unit], theirs[unit], better), 1) if theirs else None,
            **note,
        }
        for unit, better, name in rows
    ]


def measure_datamix(texts: pa.LargeStringArray, model: Path) -> Measurement:
    """Score with datamix; kernels are compiled, or taken from their cache, before the clock starts."""
    lowered_texts(texts[:1])  # the compiler's memory, and that of the tables of code points, is not the model's
    before = resident_megabytes()
    scorer = load_scorer(model, model_hash(model))
    memory = resident_megabytes() - before
    scorer.probabilities(texts[:10])
    seconds = best(lambda: scorer.probabilities(texts))
    return {"MB/s": megabytes(texts) / seconds, "MB": memory}


def measure_library(texts: pa.LargeStringArray, model: Path) -> Measurement:
    """Score with the library: the most probable label of each document, made one line."""
    import fasttext

    before = resident_megabytes()
    loaded = fasttext.FastText._FastText(str(model))
    memory = resident_megabytes() - before
    share = texts.take(pa.array(np.arange(0, len(texts), LIBRARY_SHARE)))
    lines = [text.replace("\n", " ") + "\n" for text in share.to_pylist()]
    seconds = best(lambda: [loaded.f.predict(line, 1, 0.0, "strict") for line in lines])
    return {"MB/s": megabytes(share) / seconds, "MB": memory}


def train(texts: pa.LargeStringArray, model: Path) -> Measurement:
    """Train with the library on a part of the documents, labelled in turn."""
    import fasttext

    lines = model.with_suffix(".txt")
    size = 0
    with lines.open("w") as file:
        for i, text in enumerate(texts.to_pylist()):
            size += file.write(f"__label__{i % 2} " + text.replace("\n", " ") + "\n")
            if size > TRAINING_BYTES:
                break
    options = {"dim": 100, "wordNgrams": 2, "bucket": 2_000_000, "epoch": 1, "thread": 1, "verbose": 0}
    fasttext.train_supervised(str(lines), **options).save_model(str(model))
    return {}


def sample(corpus: Path) -> pa.LargeStringArray:
    """Return every k-th document, `SAMPLE_BYTES` in all or less."""
    texts = corpus_texts(corpus)
    texts = texts.filter(pc.less(pc.binary_length(texts), LONGEST_BYTES))
    if not len(texts):
        raise InputError(f"{corpus} holds no text under {LONGEST_BYTES:,} bytes; name a folder with shorter documents")
    size = pc.sum(pc.binary_length(texts)).as_py()
    chosen = texts.take(pa.array(np.arange(0, len(texts), max(1, size // SAMPLE_BYTES))))
    return pa.concat_arrays(chosen.chunks)


def best(score: Callable[[], object]) -> float:
    """Return the processor's seconds of the fastest of several rounds: other work on the machine does not count."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        score()
        seconds.append(time.process_time() - start)
    return min(seconds)


def in_child(task: Callable[..., Measurement], *values: object) -> Measurement:
    """Run `task` in a new process on one core, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(
        1, os.sched_setaffinity, (0, {min(os.sched_getaffinity(0))})
    ) as pool:
        return pool.apply(task, values)


def resident_megabytes() -> float:
    """Return this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def megabytes(texts: pa.LargeStringArray) -> float:
    """Return the size of the texts."""
    return float(pc.sum(pc.binary_length(texts)).as_py()) / 1e6


def _ratio(ours: float, theirs: float, better: str) -> float:
    return ours / theirs if better == "higher" else theirs / max(ours, 0.1)
