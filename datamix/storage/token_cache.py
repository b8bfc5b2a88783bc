"""Token ids of one shard's documents, in one file that is appended to once and then read through a memory map.

Layout, little endian: `dmtokens`, ids (uint8, uint16 or uint32), zeros up to a multiple of 8, offsets (int64, one more
than documents, in tokens), footer. The footer has counts, the tokenizer's hash and xxh3 checksums, its own among them.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from datamix.errors import StoreError
from datamix.storage.files import atomic, file_hash
from datamix.storage.parts import Part

MAGIC = b"dmtokens"
_FOOTER = struct.Struct("<IIQQQQ64s")  # version, bytes per id, documents, tokens, xxh3 of ids and offsets, tokenizer
_FOOTER_BYTES = _FOOTER.size + 16  # then xxh3 of the footer, and the magic again
_VERSION = 1
_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}
_HASH_BLOCK = 1 << 24

Ids = npt.NDArray[np.unsignedinteger[Any]]
Int64s = npt.NDArray[np.int64]


class TokenCacheWriter:
    """Writes one token cache, batch by batch; memory grows by 8 bytes a document only.

    Used as a context manager; `part` is there after it closed without an error. The bytes do not depend on how the
    documents were cut into batches.

    Args:
        store: the store's folder.
        path: the cache's path in it.
        tokenizer_hash: as in `Tokenizer.hash`.
        dtype: uint8, uint16 or uint32, as in `Tokenizer.dtype`.
    """

    def __init__(self, store: Path, path: str, tokenizer_hash: str, dtype: npt.DTypeLike) -> None:
        self.part: Part
        self.tokens = 0
        self._store, self._path, self._tokenizer = store, path, tokenizer_hash
        self._dtype = _DTYPES[np.dtype(dtype).itemsize]
        self._atomic = atomic(store / path)
        self._ends: list[Int64s] = [np.zeros(1, np.int64)]
        self._digest = xxhash.xxh3_64()

    def __enter__(self) -> TokenCacheWriter:
        self._temporary = self._atomic.__enter__()
        self._file = self._temporary.open("xb")
        self._file.write(MAGIC)
        return self

    def append(self, ids: Ids, offsets: Int64s) -> None:
        """Append documents.

        Args:
            ids: token ids of the writer's dtype.
            offsets: int64 [documents + 1]; document i has ids[offsets[i]:offsets[i + 1]].
        """
        if ids.dtype != self._dtype:
            raise TypeError(f"expected ids of {self._dtype}, got {ids.dtype}")
        view = np.ascontiguousarray(ids[offsets[0] : offsets[-1]]).view(np.uint8)
        self._file.write(view.data)
        self._digest.update(view.data)
        self._ends.append(offsets[1:] - offsets[0] + self.tokens)
        self.tokens += len(view) // self._dtype.itemsize

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._finish()
        if error is None:
            size, digest = self._temporary.stat().st_size, file_hash(self._temporary)
            self.part = Part(self._path, sum(map(len, self._ends)) - 1, size, digest)
        self._atomic.__exit__(kind, error, trace)

    def _finish(self) -> None:
        offsets = np.concatenate(self._ends)
        self._file.write(bytes(_padding(self.tokens * self._dtype.itemsize)))
        self._file.write(offsets.data)
        footer = _FOOTER.pack(
            _VERSION,
            self._dtype.itemsize,
            len(offsets) - 1,
            self.tokens,
            self._digest.intdigest(),
            xxhash.xxh3_64_intdigest(offsets.data),
            self._tokenizer.encode(),
        )
        self._file.write(footer + struct.pack("<Q", xxhash.xxh3_64_intdigest(footer)) + MAGIC)


@dataclass(frozen=True)
class TokenCache:
    """A token cache, mapped into memory; bytes are read when they are touched.

    Args:
        path: the file.
        tokenizer_hash: of the tokenizer that made the ids.
        all_ids: [tokens], read-only.
        offsets: int64 [documents + 1], read-only, in tokens.
        checksums: xxh3 of ids and of offsets, from the footer.
        committed: what the journal says of the file, if the opener knew it.
    """

    path: Path
    tokenizer_hash: str
    all_ids: Ids
    offsets: Int64s
    checksums: tuple[int, int]
    committed: Part | None

    @classmethod
    def open(cls, path: Path, tokenizer_hash: str, committed: Part | None = None) -> TokenCache:
        """Map the cache at `path`; its footer is checked, its ids and offsets are not before `verify`.

        Raises:
            StoreError: it is missing, damaged, not what was committed, or of another tokenizer.
        """
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise StoreError(f"the token cache {path} is missing; run `datamix run` to write it again") from None
        except (OSError, ValueError) as error:  # ValueError: the file is empty
            raise _damaged(path, str(error)) from None
        version, width, documents, tokens, *checksums, tokenizer = _read_footer(path, data)
        if version != _VERSION:
            raise StoreError(f"the token cache {path} has format {version}, this datamix reads {_VERSION}")
        offsets_at = len(MAGIC) + tokens * width + _padding(tokens * width)
        expected = offsets_at + 8 * (documents + 1) + _FOOTER_BYTES
        if width not in _DTYPES or expected != len(data):
            raise _damaged(path, f"its footer speaks of {expected:,} bytes, it has {len(data):,}")
        if committed is not None and (committed.bytes, committed.rows) != (len(data), documents):
            raise _damaged(
                path,
                f"the journal speaks of {committed.rows:,} documents in {committed.bytes:,} bytes, "
                f"it has {documents:,} in {len(data):,}",
            )
        found = tokenizer.rstrip(b"\0").decode()
        if found != tokenizer_hash:
            raise StoreError(
                f"the token cache {path} is of the tokenizer {found[:16]}, not {tokenizer_hash[:16]}; "
                "run `datamix run` with the tokenizer that the mixture names"
            )
        return cls(
            path,
            found,
            np.frombuffer(data, _DTYPES[width], tokens, len(MAGIC)),
            np.frombuffer(data, np.int64, documents + 1, offsets_at),
            (checksums[0], checksums[1]),
            committed,
        )

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    @property
    def tokens(self) -> int:
        """The number of tokens of all documents."""
        return len(self.all_ids)

    def ids(self, start: int, stop: int) -> Ids:
        """Return the ids of documents start to stop - 1, one after the other: a read-only view."""
        first, _ = self.spans(np.array([start], np.int64))
        last, length = self.spans(np.array([stop - 1], np.int64))
        return self.all_ids[first[0] : last[0] + length[0]]

    def spans(self, documents: Int64s) -> tuple[Int64s, Int64s]:
        """Return where each of `documents` begins in `all_ids`, and its length, as int64 [n] each; all lie inside.

        Raises:
            StoreError: a document that the cache has not, or damaged offsets.
        """
        if documents.size and not (documents.min() >= 0 and documents.max() < self.documents):
            raise StoreError(
                f"the token cache {self.path} has {self.documents:,} documents, the plan asks for number "
                f"{documents.max():,}; run `datamix mix plan` again"
            )
        starts, stops = self.offsets[documents], self.offsets[documents + 1]
        if not ((starts >= 0) & (starts <= stops) & (stops <= self.tokens)).all():
            raise _damaged(self.path, "its offsets point outside")
        return starts, stops - starts

    def verify(self) -> None:
        """Read the whole file and compare it with the journal's hash, or where none was given with its own checksums.

        Raises:
            StoreError: it is damaged.
        """
        if self.committed is not None:
            intact = file_hash(self.path) == self.committed.hash
        else:
            intact = (_checksum(self.all_ids), _checksum(self.offsets)) == self.checksums
        if not intact:
            raise _damaged(self.path, "its checksum differs")


def _read_footer(path: Path, data: mmap.mmap) -> tuple[int, int, int, int, int, int, bytes]:
    tail = data[-_FOOTER_BYTES:]
    footer = tail[: _FOOTER.size]
    sealed = struct.pack("<Q", xxhash.xxh3_64_intdigest(footer)) + MAGIC
    if data[: len(MAGIC)] != MAGIC or len(tail) < _FOOTER_BYTES or tail[_FOOTER.size :] != sealed:
        raise _damaged(path, "its first or last bytes are not those of a token cache")
    return _FOOTER.unpack(footer)


def _padding(ids_bytes: int) -> int:
    return -ids_bytes % 8


def _checksum(array: Ids | Int64s) -> int:
    digest = xxhash.xxh3_64()
    data = array.view(np.uint8)
    for start in range(0, len(data), _HASH_BLOCK):
        digest.update(data[start : start + _HASH_BLOCK].data)
    return digest.intdigest()


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"the token cache {path} is damaged ({why}); delete it and run `datamix run` again")
