"""Tokenizers: `bytes`, or the `tokenizer.json` of the tokenizers library, from Arrow text to flat token ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.errors import ModelError
from datamix.kernels.buffers import text_buffers
from datamix.storage.token_cache import Ids, Int64s

BYTES = "bytes"
# The tokenizers library needs some hundred bytes of memory for each byte of a text: a document above this is encoded
# in pieces, and a batch holds no more text than this.
PIECE_BYTES = 1 << 20
_BOUNDARY_BYTES = 1 << 12


class Tokenizer(Protocol):
    """What a tokenizer library is to datamix."""

    @property
    def name(self) -> str:
        """For people: `bytes`, or the file's name."""

    @property
    def hash(self) -> str:
        """SHA-256 of the file, 64 hex digits, or `bytes`: names the folder of the ids."""

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest of uint8 (for `bytes` alone), uint16 and uint32 that holds every id."""

    def count(self, texts: pa.LargeStringArray) -> Int64s:
        """Return the number of tokens of each text, int64 [n]."""

    def encode(self, texts: pa.LargeStringArray) -> tuple[Ids, Int64s]:
        """Return (ids [tokens], offsets int64 [n + 1]); text i has ids[offsets[i]:offsets[i + 1]]."""


class BytesTokenizer:
    """Each UTF-8 byte is a token: nothing to compute, nothing to copy."""

    name = BYTES
    hash = BYTES
    vocabulary_size = 256
    dtype: np.dtype[np.unsignedinteger[Any]] = np.dtype(np.uint8)

    def count(self, texts: pa.LargeStringArray) -> Int64s:
        """Return the number of bytes of each text."""
        return np.diff(text_buffers(texts)[1])

    def encode(self, texts: pa.LargeStringArray) -> tuple[Ids, Int64s]:
        """Return the texts' bytes, a view of the Arrow buffer, and their offsets from 0."""
        data, offsets = text_buffers(texts)
        return data[offsets[0] : offsets[-1]], offsets - offsets[0]


class HuggingFaceTokenizer:
    """A `tokenizer.json`, encoded by the tokenizers library without adding special tokens.

    Special tokens that are written out in a text are encoded as text: a document can't forge an end of text. A text
    above PIECE_BYTES is encoded in pieces, cut at a space between two ASCII letters: for tokenizers that start a word
    at its space (the byte-level ones) the ids are those of the whole text, for others they may differ at the cuts.

    The library uses as many threads as TOKENIZERS_PARALLELISM and RAYON_NUM_THREADS say; workers set one.

    Raises:
        ModelError: the file is missing, damaged, or not a tokenizer.json.
    """

    def __init__(self, path: Path) -> None:
        import tokenizers

        content = _read(path)
        self.name = path.name
        self.hash = hashlib.sha256(content).hexdigest()
        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
        except ValueError as error:
            raise ModelError(
                f"{path} is not a tokenizer.json that the tokenizers library reads ({str(error).splitlines()[0]}); "
                "name another file, or `bytes`"
            ) from None
        # A stored tokenizer may cut texts at a model's context, or fill them up to it.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self.vocabulary_size = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        self.dtype: np.dtype[np.unsignedinteger[Any]] = np.dtype(
            np.uint16 if self.vocabulary_size <= 1 << 16 else np.uint32
        )

    def count(self, texts: pa.LargeStringArray) -> Int64s:
        """Return the number of tokens of each text; this costs as much as `encode`."""
        return np.diff(self.encode(texts)[1])

    def encode(self, texts: pa.LargeStringArray) -> tuple[Ids, Int64s]:
        """Return all ids, one text after the other, and their offsets."""
        counts = np.zeros(len(texts) + 1, np.int64)
        parts: list[Ids] = [np.zeros(0, self.dtype)]
        for numbers, pieces in _batches(*text_buffers(texts)):
            lists = [e.ids for e in self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)]
            lengths = np.fromiter(map(len, lists), np.int64, len(lists))
            parts.append(np.fromiter(chain.from_iterable(lists), self.dtype, int(lengths.sum())))
            np.add.at(counts, numbers, lengths)
        return np.concatenate(parts), _offsets(counts)


def load_tokenizer(tokenizer: str, expected_hash: str | None = None) -> Tokenizer:
    """Return the tokenizer `bytes`, or that of a tokenizer.json; a file is loaded once in a process.

    Args:
        tokenizer: `bytes`, or the path of a file.
        expected_hash: its hash when the run began, if known.

    Raises:
        ModelError: the file is missing, damaged, of an unknown kind, or has changed since the run began.
    """
    if tokenizer == BYTES:
        return BytesTokenizer()
    path = Path(tokenizer)
    if path.suffix != ".json":
        raise ModelError(f"{path} is no tokenizer that datamix knows: name a tokenizer.json, or `bytes`")
    loaded = _load(path, expected_hash or tokenizer_hash(tokenizer))
    if expected_hash not in (None, loaded.hash):
        raise ModelError(f"{path} has changed since the run began; run `datamix run` again")
    return loaded


def tokenizer_hash(tokenizer: str) -> str:
    """Return the hash of a tokenizer without loading it: `bytes`, or the SHA-256 of the file.

    Raises:
        ModelError: the file is missing.
    """
    return BYTES if tokenizer == BYTES else hashlib.sha256(_read(Path(tokenizer))).hexdigest()


@lru_cache(maxsize=4)
def _load(path: Path, content_hash: str) -> HuggingFaceTokenizer:
    """The hash is in the key, so that a changed file is loaded anew."""
    del content_hash
    return HuggingFaceTokenizer(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"the tokenizer {path} can't be read: {error.strerror}") from None


def _offsets(counts: Int64s) -> Int64s:
    """Turn counts in [0, n) of an array of n + 1 into offsets."""
    offsets = np.zeros_like(counts)
    np.cumsum(counts[:-1], out=offsets[1:])
    return offsets


def _batches(data: npt.NDArray[np.uint8], offsets: Int64s) -> Iterator[tuple[list[int], list[str]]]:
    """Yield (numbers of the texts, pieces of these texts), about PIECE_BYTES of text at a time."""
    numbers: list[int] = []
    pieces: list[str] = []
    pending = 0
    view = data.data
    for number in range(len(offsets) - 1):
        for piece in _pieces(view[offsets[number] : offsets[number + 1]]):
            numbers.append(number)
            pieces.append(str(piece, "utf-8"))
            pending += len(piece)
            if pending >= PIECE_BYTES:
                yield numbers, pieces
                numbers, pieces, pending = [], [], 0
    if pieces:
        yield numbers, pieces


def _pieces(text: memoryview) -> Iterator[memoryview]:
    """Cut a text into pieces of at most PIECE_BYTES, at spaces between letters, else between code points."""
    while len(text) > PIECE_BYTES:
        stop = _boundary(bytes(text[PIECE_BYTES - _BOUNDARY_BYTES : PIECE_BYTES + 1])) + PIECE_BYTES - _BOUNDARY_BYTES
        yield text[:stop]
        text = text[stop:]
    yield text


def _boundary(window: bytes) -> int:
    """Return where to cut in `window`, at most its last byte: before the last lone space between ASCII letters."""
    at = len(window) - 1
    while (at := window.rfind(b" ", 1, at)) > 0:
        if window[at - 1 : at].isalpha() and window[at + 1 : at + 2].isalpha():
            return at
    at = len(window) - 1
    while window[at] & 0xC0 == 0x80:
        at -= 1
    return at
