from __future__ import annotations

import functools
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest

from datamix.dedup import edges as edges_module
from datamix.dedup.edges import Edges, find_edges, find_pairs
from datamix.dedup.jaccard import Rows, jaccard_of_sets, shingle_sets
from datamix.signals.signatures import SignatureFamily, signature_matrix
from datamix.spec.project import Near


class Corpus:
    """Texts with their signatures, which counts how many texts were asked for."""

    def __init__(self, texts: pa.LargeStringArray, near: Near) -> None:
        self.texts, self.near, self.asked = texts, near, list[int]()
        columns = SignatureFamily(near.ngram, near.permutations).measure(texts)
        self.signatures = signature_matrix(columns["signature"])
        self.sets = shingle_sets(texts, near.ngram)
        self.shingles: npt.NDArray[np.int32] = columns["shingles"].to_numpy()

    def take(self, rows: Rows) -> pa.LargeStringArray:
        assert (np.diff(rows) > 0).all()
        self.asked.append(len(rows))
        return self.texts.take(pa.array(rows))

    def edges(self) -> Edges:
        return find_edges(self.signatures, self.shingles, self.near, self.take)

    def similarity(self, edges: Edges) -> npt.NDArray[np.float64]:
        return jaccard_of_sets(self.sets, edges.a, edges.b)


def variants(count: int, changes: int, seed: int = 3) -> pa.LargeStringArray:
    """Return texts of 400 words, each with `changes` words of a common text replaced."""
    rng = random.Random(seed)  # noqa: S311 - a fixed seed
    common = [str(rng.randrange(10**6)) for _ in range(400)]
    texts = []
    for _ in range(count):
        words = list(common)
        for place in rng.sample(range(400), changes):
            words[place] = str(rng.randrange(10**6, 10**7))
        texts.append(" ".join(words))
    return pa.array(texts, pa.large_string())


def as_tuples(edges: Edges) -> list[tuple[int, int, float, bool]]:
    return list(zip(edges.a.tolist(), edges.b.tolist(), edges.jaccard.tolist(), edges.exact.tolist(), strict=True))


@functools.cache
def revisions(folder: Path) -> tuple[Corpus, Edges, pl.DataFrame]:
    """The revisions' edges, and the published pairs with what was found."""
    documents = pl.read_parquet(folder / "git_revisions.parquet", columns=["id", "text"]).with_row_index("row")
    corpus = Corpus(documents["text"].to_arrow().cast(pa.large_string()), Near())
    edges = corpus.edges()
    pairs = pl.read_parquet(folder / "git_revisions_pairs.parquet")
    for name in ("id_a", "id_b"):
        pairs = pairs.join(
            documents.select(pl.col("id").alias(name), pl.col("row").cast(pl.Int64).alias(f"row_{name}")), on=name
        )
    found = pl.DataFrame({"a": edges.a, "b": edges.b, "found": True})
    pairs = pairs.with_columns(
        a=pl.min_horizontal("row_id_a", "row_id_b"), b=pl.max_horizontal("row_id_a", "row_id_b")
    ).join(found, on=["a", "b"], how="left")
    return corpus, edges, pairs.with_columns(pl.col("found").fill_null(value=False))


@pytest.mark.parametrize(("low", "high", "recall"), [(0.8, 0.9, 0.98), (0.9, 1.01, 0.99)])
def test_recall_on_revisions(shared_data: Path, low: float, high: float, recall: float) -> None:
    *_, pairs = revisions(shared_data / "neardup")
    found = pairs.filter(pl.col("jaccard_w5").is_between(low, high, closed="left"))["found"]
    assert len(found) > 200
    assert found.sum() / len(found) >= recall


def test_no_edge_below_the_threshold_on_revisions(shared_data: Path) -> None:
    corpus, edges, pairs = revisions(shared_data / "neardup")
    assert pairs.filter(pl.col("jaccard_w5") < 0.6)["found"].sum() == 0
    similarity = corpus.similarity(edges)
    assert (similarity >= 0.8).mean() > 0.995
    assert similarity.min() > 0.75
    np.testing.assert_array_equal(edges.jaccard[edges.exact], similarity[edges.exact].astype(np.float32))
    assert abs(edges.jaccard - similarity).max() < 0.15


def test_paraphrases_are_not_duplicates(shared_data: Path) -> None:
    documents = pl.read_parquet(shared_data / "neardup" / "onestop_paraphrase_levels.parquet")
    corpus = Corpus(documents["text"].to_arrow().cast(pa.large_string()), Near())
    edges = corpus.edges()
    assert (corpus.similarity(edges) >= 0.8).all()
    level = documents["level"].to_numpy()
    assert (level[edges.a] == level[edges.b]).all()


def test_edges_are_sorted_and_each_pair_once() -> None:
    corpus = Corpus(variants(40, 3), Near())
    pairs = [(a, b) for a, b, *_ in as_tuples(corpus.edges())]
    assert pairs == [(a, b) for a in range(40) for b in range(a + 1, 40)]


def test_the_texts_decide_near_the_threshold() -> None:
    corpus = Corpus(variants(60, 2), Near(threshold=0.905))
    edges = corpus.edges()
    a, b = np.triu_indices(60, 1)
    every = Edges(a, b, np.zeros(len(a), np.float32), np.zeros(len(a), np.bool_))
    true = corpus.similarity(every) >= 0.905
    assert 0.1 < true.mean() < 0.9
    found = set(zip(edges.a.tolist(), edges.b.tolist(), strict=True))
    agree = [((x, y) in found) == t for x, y, t in zip(a.tolist(), b.tolist(), true.tolist(), strict=True)]
    assert np.mean(agree) > 0.97
    assert (corpus.similarity(edges)[edges.exact] >= 0.905).all()


def test_documents_without_shingles_have_no_edges() -> None:
    corpus = Corpus(pa.array(["a b", "a b", "", "", "one two three four"], pa.large_string()), Near())
    assert len(corpus.edges()) == 0
    assert corpus.asked == [0]


def test_a_threshold_of_one_needs_equal_sets() -> None:
    common = " ".join(str(i) for i in range(3_000))
    texts = [common, common + " more", common.replace(" ", ", "), common + " more"]
    edges = Corpus(pa.array(texts, pa.large_string()), Near(threshold=1.0)).edges()
    assert as_tuples(edges) == [(0, 2, 1.0, True), (1, 3, 1.0, True)]


def test_memory_bounds_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpus = Corpus(variants(100, 9, seed=8), Near())
    whole = as_tuples(corpus.edges())
    assert len(corpus.asked) == 1
    monkeypatch.setattr(edges_module, "_KEYS_BYTES", 1)
    monkeypatch.setattr(edges_module, "_PENDING_PAIRS", 1)
    np.save(tmp_path / "signatures.npy", corpus.signatures)
    corpus.signatures = np.load(tmp_path / "signatures.npy", mmap_mode="r")
    assert as_tuples(corpus.edges()) == whole
    assert len(corpus.asked) == 2


def test_a_large_bucket_gives_each_member_some_edges_and_not_many() -> None:
    corpus = Corpus(variants(300, 2), Near())
    edges = corpus.edges()
    assert len(edges) < 300 * 30
    neighbours = np.bincount(np.concatenate((edges.a, edges.b)), minlength=300)
    assert neighbours.min() >= 8


def test_the_order_of_texts_in_doubt_changes_nothing() -> None:
    corpus = Corpus(variants(100, 9, seed=8), Near())
    pairs = find_pairs(corpus.signatures, corpus.shingles, Near())
    rows = pairs.in_doubt()
    assert 50 < len(rows) < 101
    shuffled = np.random.default_rng(1).permutation(rows)
    sets = shingle_sets(corpus.texts.take(pa.array(shuffled)), 5)
    assert as_tuples(pairs.decide(0.8, shuffled, sets)) == as_tuples(corpus.edges())


def test_signatures_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[n, 128\]"):
        find_edges(np.zeros((2, 64), np.uint32), np.ones(2, np.int32), Near(), lambda rows: rows)
