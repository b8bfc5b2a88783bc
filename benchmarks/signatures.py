"""MinHash signatures side by side: 128 permutations, shingles of 5 words, from Parquet to Parquet, on one core."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from benchmarks._corpus import corpus_texts
from datamix.signals.signatures import SignatureFamily

Result = dict[str, Any]
Sign = Callable[[pa.LargeStringArray], pa.Array]

NGRAM, PERMUTATIONS, SEED = 5, 128, 1
SAMPLE_BYTES = 24_000_000
BATCH_ROWS = 1024
ROUNDS = 3
WHAT = f"signatures: {PERMUTATIONS} permutations, {NGRAM}-word shingles, Parquet to Parquet, one core"

_WORDS = re.compile(r"\w+")


def run(corpus: Path) -> list[Result]:
    """Measure all sides on the same sample of `corpus`, a folder of Parquet files with a column `text`."""
    with one_core(), tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "sample.parquet"
        megabytes = write_sample(corpus, source)
        target = Path(folder) / "signatures.parquet"

        def speed(sign: Sign) -> float:
            return round(megabytes / min(seconds(sign, source, target) for _ in range(ROUNDS)), 2)

        family = SignatureFamily(NGRAM, PERMUTATIONS, SEED)
        family.measure(pa.array(["to compile the kernel first"], pa.large_string()))
        ours = speed(lambda texts: family.measure(texts)["signature"])
        return [
            compare(ours, "datasketch", {"MinHash.bulk, xxh32": datasketch_bulk}, speed),
            compare(ours, "rensa", RENSA, speed),
        ]


def compare(ours: float, peer: str, variants: dict[str, Sign], speed: Callable[[Sign], float]) -> Result:
    """Return one result against the fastest of a peer's variants."""
    result: Result = {"what": WHAT, "ours": ours, "unit": "MB/s", "better": "higher"}
    if importlib.util.find_spec(peer) is None:
        return {**result, "against": None, "theirs": None, "ratio": None, "note": f"pip install {peer}"}
    theirs, name = max((speed(sign), name) for name, sign in variants.items())
    return {**result, "against": f"{peer} ({name})", "theirs": theirs, "ratio": round(ours / theirs, 1)}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, with all the threads that libraries start, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def write_sample(corpus: Path, target: Path) -> float:
    """Write every k-th document of each file, `SAMPLE_BYTES` in all or less, and return the megabytes of text."""
    texts = corpus_texts(corpus)
    size = pc.sum(pc.binary_length(texts)).as_py()
    sample = texts.take(pa.array(np.arange(0, len(texts), max(1, size // SAMPLE_BYTES))))
    pq.write_table(pa.table({"text": sample}), target, compression="zstd")
    return float(pc.sum(pc.binary_length(sample)).as_py()) / 1e6


def seconds(sign: Sign, source: Path, target: Path) -> float:
    """Return the processor time that it takes to read the texts, sign them and write the signatures.

    The clock on the wall would favour the side that is faster: others on the machine interrupt it less often.
    """
    start = time.process_time()
    schema = pa.schema({"signature": pa.binary(4 * PERMUTATIONS)})
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS):
            writer.write_batch(pa.record_batch([sign(batch["text"].cast(pa.large_string()))], schema=schema))
    return time.process_time() - start


def shingles(texts: pa.LargeStringArray) -> list[list[str]]:
    """Return each text's shingles, as users of the peers make them in Python."""
    words = (_WORDS.findall(text.lower()) for text in texts.to_pylist())
    return [[" ".join(w[i : i + NGRAM]) for i in range(len(w) - NGRAM + 1)] for w in words]


def as_column(signatures: npt.NDArray[np.uint32]) -> pa.Array:
    """Return uint32 [n, permutations] as a column of fixed-size binary."""
    data = np.ascontiguousarray(signatures, np.uint32)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * PERMUTATIONS), len(data), [None, pa.py_buffer(data)])


def datasketch_bulk(texts: pa.LargeStringArray) -> pa.Array:
    """Sign with datasketch; its default hash, SHA-1, is slower than xxHash."""
    from datasketch import MinHash

    documents = [[shingle.encode() for shingle in document] for document in shingles(texts)]
    signed = MinHash.bulk(documents, num_perm=PERMUTATIONS, seed=SEED, hashfunc=xxhash.xxh32_intdigest)
    return as_column(np.stack([minhash.hashvalues for minhash in signed]))


def rensa_matrix(texts: pa.LargeStringArray) -> pa.Array:
    """Sign with rensa's R-MinHash, in bulk."""
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_token_sets(shingles(texts), PERMUTATIONS, SEED)
    return as_column(np.array(matrix.to_rows(), np.uint32))


def rensa_rho(texts: pa.LargeStringArray) -> pa.Array:
    """Sign with rensa's Rho sketch, which samples the positions of tokens."""
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_token_sets_rho(shingles(texts), PERMUTATIONS, SEED)
    return as_column(np.array(matrix.to_rows(), np.uint32))


def rensa_cminhash(texts: pa.LargeStringArray) -> pa.Array:
    """Sign with rensa's C-MinHash, in bulk."""
    from rensa import CMinHash

    return as_column(np.array(CMinHash.digests_from_token_sets(shingles(texts), PERMUTATIONS, SEED), np.uint32))


RENSA: dict[str, Sign] = {"R-MinHash": rensa_matrix, "Rho": rensa_rho, "C-MinHash": rensa_cminhash}
