from __future__ import annotations

import pickle
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from datamix.signals.content import ContentFamily
from datamix.signals.family import Family


def measure(batch: list[str]) -> dict[str, list[object]]:
    family: Family = ContentFamily()
    columns = family.measure(pa.array(batch, pa.large_string()))
    assert [(name, array.type) for name, array in columns.items()] == [(c.name, c.type) for c in family.columns]
    return {name: array.to_pylist() for name, array in columns.items()}


def test_counts() -> None:
    measured = measure(["", "Zwei Wörter\n", "中文\u3000🙂"])
    assert measured["bytes"] == [0, 13, 13]
    assert measured["characters"] == [0, 12, 4]
    assert measured["lines"] == [0, 1, 1]
    assert measured["words"] == [0, 2, 2]


def test_hash_ignores_white_space_and_nothing_else() -> None:
    same = measure(["One  two\n", " One\ttwo", "One\u00a0two"])["text_hash"]
    assert len(set(same)) == 1
    other = measure(["One two", "one two", "One two.", "One 2", "Onetwo", "", "\0"])["text_hash"]
    assert len(set(other)) == 7
    assert other[0] == same[0] == xxhash.xxh3_128_digest(b"One two")
    assert other[5] == xxhash.xxh3_128_digest(b"")


def test_hashes_of_real_documents(shared_data: Path) -> None:
    batch = pq.read_table(shared_data / "corpus" / "news.parquet", columns=["text"]).column("text")[:2000].to_pylist()
    expected = [xxhash.xxh3_128_digest(" ".join(text.split()).encode()) for text in batch]
    assert measure(batch)["text_hash"] == expected


def test_a_slice_is_measured_alone() -> None:
    texts = pa.array(["first text", "", "the third one"], pa.large_string())
    whole, part = ContentFamily().measure(texts), ContentFamily().measure(texts.slice(1))
    assert all(part[name].equals(whole[name].slice(1)) for name in whole)
    assert all(len(array) == 0 for array in ContentFamily().measure(texts.slice(3)).values())


def test_definition_names_unicode_and_travels() -> None:
    family = pickle.loads(pickle.dumps(ContentFamily()))  # noqa: S301
    assert family == ContentFamily()
    assert family.definition()["unicode"] == unicodedata.unidata_version
