from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.dedup.jaccard import jaccard_of_sets, shingle_sets
from datamix.kernels.buffers import text_buffers
from datamix.kernels.minhash import list_shingles, word_codes
from datamix.kernels.unicode import UNICODE_VERSION
from datamix.signals.signatures import SignatureFamily, signature_matrix

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "the QUICK brown fox — jumps over the lazy dog; and the dog sleeps on",
    "Быстрая лиса прыгает через ленивую собаку, а собака спит дальше.",
    "one two three four",
    "",
]


def measure(family: SignatureFamily, texts: list[str]) -> tuple[npt.NDArray[np.uint32], list[int]]:
    columns = family.measure(pa.array(texts, pa.large_string()))
    return signature_matrix(columns["signature"]), columns["shingles"].to_pylist()


def datasketch_signature(text: str, family: SignatureFamily) -> npt.NDArray[np.uint32]:
    """What datasketch makes of the lower halves of the same shingle hashes."""
    oracle = MinHash(family.permutations, seed=family.seed, scheme="affine32", hashfunc=int)
    data, offsets = text_buffers(pa.array([text], pa.large_string()))
    hashes, bounds = np.zeros(len(data) + 1, np.uint64), np.zeros(2, np.int64)
    list_shingles(data, offsets, word_codes(), family.ngram, hashes, bounds)
    for value in hashes[: bounds[1]] & np.uint64(0xFFFFFFFF):
        oracle.update(value)
    signature: npt.NDArray[np.uint32] = oracle.hashvalues
    return signature


@pytest.mark.parametrize(
    "family", [SignatureFamily(), SignatureFamily(3, 16, 7), SignatureFamily(1, 256, 1)], ids=lambda f: str(f.ngram)
)
def test_equal_to_datasketch(family: SignatureFamily) -> None:
    texts = [*SENTENCES, " ".join(f"{i} {i * i}" for i in range(5_000))]
    signatures, _ = measure(family, texts)
    for text, signature in zip(texts, signatures, strict=True):
        np.testing.assert_array_equal(signature, datasketch_signature(text, family))


@given(st.lists(st.text(st.sampled_from("ab cdé\n."), max_size=80), max_size=4))
@settings(max_examples=50, deadline=None)
def test_equal_to_datasketch_on_any_text(texts: list[str]) -> None:
    family = SignatureFamily(ngram=2, permutations=16)
    signatures, _ = measure(family, texts)
    for text, signature in zip(texts, signatures, strict=True):
        np.testing.assert_array_equal(signature, datasketch_signature(text, family))


def test_datasketch_loads_the_bytes() -> None:
    family = SignatureFamily()
    columns = family.measure(pa.array(SENTENCES[:3], pa.large_string()))
    first, same, other = (
        LeanMinHash(seed=family.seed, hashvalues=np.frombuffer(s.as_py(), "<u4"), scheme="affine32")
        for s in columns["signature"]
    )
    assert first.jaccard(same) == 1.0
    assert first.jaccard(other) < 0.1


def test_too_few_words_make_no_shingle() -> None:
    signatures, shingles = measure(SignatureFamily(), SENTENCES)
    assert shingles == [10, 10, 6, 0, 0]
    assert (signatures[3:] == 0xFFFFFFFF).all()
    assert MinHash(128, scheme="affine32").hashvalues[0] == signatures[4, 0]


def test_columns_are_as_declared() -> None:
    family = SignatureFamily(permutations=32)
    for texts in (pa.array(SENTENCES, pa.large_string()), pa.array([], pa.large_string())):
        measured = family.measure(texts)
        assert [c.name for c in family.columns] == list(measured)
        for column in family.columns:
            assert measured[column.name].type == column.type
            assert len(measured[column.name]) == len(texts)


def test_a_part_of_a_column_has_the_same_signatures() -> None:
    texts = pa.array(SENTENCES, pa.large_string())
    whole = SignatureFamily().measure(texts)
    part = SignatureFamily().measure(texts.slice(1, 3))
    assert part["signature"].equals(whole["signature"].slice(1, 3))
    np.testing.assert_array_equal(signature_matrix(whole["signature"].slice(1, 3)), signature_matrix(part["signature"]))


def test_definition_changes_with_the_numbers() -> None:
    family = pickle.loads(pickle.dumps(SignatureFamily()))  # noqa: S301 - workers receive families so
    assert family == SignatureFamily()
    assert family.definition()["unicode"] == UNICODE_VERSION
    variants = [SignatureFamily(4), SignatureFamily(permutations=64), SignatureFamily(seed=2), family]
    assert len({str(sorted(v.definition().items())) for v in variants}) == 4


def test_estimates_lie_around_the_exact_similarity(shared_data: Path) -> None:
    folder = shared_data / "neardup"
    pairs = pl.read_parquet(folder / "git_revisions_pairs.parquet").filter(pl.col("jaccard_w5").is_between(0.2, 0.9))
    texts = pl.read_parquet(folder / "git_revisions.parquet", columns=["id", "text"])
    row = {document: i for i, document in enumerate(texts["id"])}
    a, b = ([row[i] for i in pairs[name]] for name in ("id_a", "id_b"))
    column = texts["text"].to_arrow().cast(pa.large_string())
    signatures = signature_matrix(SignatureFamily().measure(column)["signature"])
    exact = jaccard_of_sets(shingle_sets(column, 5), np.array(a), np.array(b))
    error = (signatures[a] == signatures[b]).mean(axis=1) - exact
    expected = np.sqrt(exact * (1 - exact) / 128)
    assert abs(error.mean()) < 0.01
    assert 0.8 < (error / expected).std() < 1.2
