from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import ModelError
from datamix.signals import tokenizers as module
from datamix.signals.tokenizers import BytesTokenizer, HuggingFaceTokenizer, load_tokenizer, tokenizer_hash
from datamix.signals.tokens import TokensFamily

TEXTS = ["", "the cat sat on the mat", "naïve café — 你好", "a\0b\n\n  the end <|end|>"]


def strings(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer of some hundred ids, with one special token."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the cat sat on the mat in the end"] * 20, trainer)
    tokenizer.enable_truncation(5)
    path = tmp_path_factory.mktemp("tokenizer") / "tiny.json"
    tokenizer.save(str(path))
    return path


@given(st.lists(st.text(max_size=20), max_size=8), st.integers(0, 3))
def test_bytes_are_the_bytes(texts: list[str], skip: int) -> None:
    column = strings(texts).slice(min(skip, len(texts)))
    ids, offsets = BytesTokenizer().encode(column)
    expected = [text.encode() for text in column.to_pylist()]
    assert ids.tobytes() == b"".join(expected)
    assert [ids[a:b].tobytes() for a, b in pairwise(offsets)] == expected
    assert BytesTokenizer().count(column).tolist() == list(map(len, expected))


def test_bytes_are_not_copied() -> None:
    column = strings(TEXTS)
    ids, _ = BytesTokenizer().encode(column)
    assert ids.ctypes.data == column.buffers()[2].address


def test_ids_are_those_of_the_library_without_truncation_or_special_tokens(tiny: Path) -> None:
    oracle = tokenizers.Tokenizer.from_file(str(tiny))
    oracle.no_truncation()
    oracle.encode_special_tokens = True
    tokenizer = HuggingFaceTokenizer(tiny)
    ids, offsets = tokenizer.encode(strings(["skipped", *TEXTS]).slice(1))
    expected = [oracle.encode(text, add_special_tokens=False).ids for text in TEXTS]
    assert [ids[a:b].tolist() for a, b in pairwise(offsets)] == expected
    assert tokenizer.count(strings(TEXTS)).tolist() == list(map(len, expected))
    assert ids.dtype == tokenizer.dtype == np.uint16
    assert tokenizer.vocabulary_size == oracle.get_vocab_size()
    assert oracle.token_to_id("<|end|>") not in ids, "a document forged a special token"


def test_no_texts(tiny: Path) -> None:
    for tokenizer in (BytesTokenizer(), HuggingFaceTokenizer(tiny)):
        ids, offsets = tokenizer.encode(strings([]))
        assert (ids.tolist(), ids.dtype, offsets.tolist()) == ([], tokenizer.dtype, [0])


def test_many_ids_need_uint32(tmp_path: Path) -> None:
    for size, dtype in ((1 << 16, "uint16"), ((1 << 16) + 1, "uint32")):
        model = tokenizers.models.WordLevel({f"w{i}": i for i in range(size)}, unk_token="w0")  # noqa: S106
        tokenizers.Tokenizer(model).save(str(tmp_path / "large.json"))
        tokenizer = HuggingFaceTokenizer(tmp_path / "large.json")
        assert (tokenizer.vocabulary_size, tokenizer.dtype.name) == (size, dtype)
        assert tokenizer.encode(strings([f"w{size - 1}"]))[0].tolist() == [size - 1]


def test_long_texts_are_encoded_in_pieces_with_the_same_ids(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_data / "tokenizers/gptneox_regmix.json"
    books = pl.read_parquet(shared_data / "corpus/books.parquet", columns=["text"], n_rows=3)["text"].to_list()
    texts = [book[:90_000] for book in books]
    whole, offsets = HuggingFaceTokenizer(path).encode(strings(texts))
    monkeypatch.setattr(module, "PIECE_BYTES", 5_000)
    pieces, piece_offsets = HuggingFaceTokenizer(path).encode(strings(texts))
    assert whole.dtype == np.uint16
    assert pieces.tolist() == whole.tolist()
    assert piece_offsets.tolist() == offsets.tolist()


@pytest.mark.parametrize("text", ["x" * 30_000, "你好" * 9_000, " " * 20_000, "a b" * 7_000])
def test_pieces_are_the_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", 5_000)
    pieces = list(module._pieces(memoryview(text.encode())))
    assert b"".join(pieces) == text.encode()
    assert "".join(str(piece, "utf-8") for piece in pieces) == text
    assert max(map(len, pieces)) <= 5_000


def test_bad_files_are_sentences(tiny: Path, tmp_path: Path) -> None:
    good = tiny.read_bytes()
    bad = tmp_path / "tokenizer.json"
    for content in (b"", b"{}", good[: len(good) // 2], b"\xff\xfe", good.replace(b'"merges"', b'"merge"')):
        bad.write_bytes(content)
        with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer"):
            load_tokenizer(str(bad))
    with pytest.raises(ModelError, match="can't be read"):
        load_tokenizer(str(tmp_path / "absent.json"))
    with pytest.raises(ModelError, match="datamix knows: name"):
        load_tokenizer("cl100k_base.tiktoken")


def test_a_changed_file_is_noticed(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tiny.read_bytes())
    before = tokenizer_hash(str(path))
    assert load_tokenizer(str(path), before).hash == before
    content = json.loads(tiny.read_bytes())
    path.write_text(json.dumps(content))
    assert load_tokenizer(str(path)).hash == tokenizer_hash(str(path)) != before


def test_a_worker_refuses_another_file_than_the_driver_saw(tiny: Path) -> None:
    with pytest.raises(ModelError, match="has changed since the run began"):
        load_tokenizer(str(tiny), "00" * 32)


def test_the_family(tiny: Path) -> None:
    for tokenizer in ("bytes", str(tiny)):
        family = pickle.loads(pickle.dumps(TokensFamily(tokenizer, tokenizer_hash(tokenizer))))  # noqa: S301
        counted = family.measure(strings(TEXTS))
        columns, ids, offsets = family.measure_and_encode(strings(TEXTS))
        assert columns == counted
        assert columns["tokens"].type == family.columns[0].type
        assert columns["tokens"].to_pylist() == np.diff(offsets).tolist()
        assert len(ids) == offsets[-1]
        assert family.definition() == {"version": 1, "tokenizer": tokenizer_hash(tokenizer)}
