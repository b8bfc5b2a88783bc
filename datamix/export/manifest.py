"""What an emission's folder says of itself: the manifest when it is done, a log of finished shards until then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from datamix.errors import SpecError, StoreError
from datamix.storage.files import TEMPORARY_SUFFIX, atomic

MANIFEST = "manifest.json"
DOCUMENTS = "documents.parquet"
_PROGRESS = "progress.jsonl"


class _Value(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Identity(_Value):
    """What makes two emissions the same: an emission goes on only in a folder of its own identity.

    Args:
        version: of the manifest's form.
        format: name of the format.
        plan: hash of the plan.
        tokenizer_hash: of the tokenizer that the plan counts in.
        sequence_length: in tokens.
        sequences: of the whole plan.
        shard_sequences: sequences per shard; the last has the rest.
    """

    version: int = 1
    format: str
    plan: str
    tokenizer_hash: str
    sequence_length: int
    sequences: int
    shard_sequences: int


class Count(_Value):
    """Sequences, their tokens, and the documents that begin in them."""

    sequences: int
    tokens: int
    documents: int


class FileEntry(_Value):
    """A file as it was written: size and XXH3-128 (32 hex digits)."""

    file: str
    bytes: int
    xxh3: str


class ShardEntry(FileEntry):
    """One shard: its sequences (both ends included), and what was written by phase and component."""

    first_sequence: int
    last_sequence: int
    count: Count
    phases: dict[str, dict[str, Count]]


class PhaseEntry(_Value):
    """One phase: sequences [start, end), and what was written of each component."""

    name: str
    start: int
    end: int
    components: dict[str, Count]


class Manifest(Identity):
    """All that was emitted.

    Args:
        content: what the shards hold, a sentence.
        tokenizer: name of the tokenizer that the plan counts in.
        components: what was written of each component.
        phases: what was written in each phase, in order.
        shards: the files, in the order of the plan.
        documents: the file that says which documents stand where: the plan's uses.
    """

    content: str
    tokenizer: str
    components: dict[str, Count]
    phases: list[PhaseEntry]
    shards: list[ShardEntry]
    documents: FileEntry


class EmissionFolder:
    """The folder of one emission, which can be continued.

    Attributes:
        finished: entries of written shards, by file name; those of earlier calls may have changed since.

    Raises:
        SpecError: the folder holds something else.
        StoreError: its manifest is damaged.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self._identity = path, identity
        self.finished: dict[str, ShardEntry] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            names = {file.name for file in path.iterdir() if not _is_temporary(file)}
        except OSError as error:
            raise SpecError(f"{path} can't be a folder of shards ({error.strerror}): name another one") from None
        if MANIFEST in names:
            manifest = read_manifest(path)
            self._require(Identity.model_validate(manifest.model_dump(include=set(Identity.model_fields))))
            self.finished = {entry.file: entry for entry in manifest.shards}
        elif _PROGRESS in names:
            self._read_progress()
        elif names:
            raise SpecError(
                f"{path} is not empty and no emission of datamix (it holds {min(names)}): name another folder"
            )

    def begin(self) -> None:
        """Remove what killed attempts left, and start the log with the identity and all shards finished so far."""
        for file in self.path.iterdir():
            if _is_temporary(file):
                file.unlink(missing_ok=True)
        lines = [self._identity, *self.finished.values()]
        write_atomically(self.path / _PROGRESS, b"".join(line.model_dump_json().encode() + b"\n" for line in lines))
        (self.path / MANIFEST).unlink(missing_ok=True)

    def record(self, entry: ShardEntry) -> None:
        """Log a finished shard, durably.

        Raises:
            StoreError: the disk is full, or the folder can't be written.
        """
        path = self.path / _PROGRESS
        try:
            with path.open("ab") as file:
                file.write(entry.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"can't write {path}: {error.strerror}; mend that and run again, finished shards are kept"
            ) from None
        self.finished[entry.file] = entry

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, indented and with keys in order, and remove the log."""
        content = orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
        write_atomically(self.path / MANIFEST, content + b"\n")
        (self.path / _PROGRESS).unlink(missing_ok=True)

    def _read_progress(self) -> None:
        identity, *entries = (self.path / _PROGRESS).read_bytes().split(b"\n")
        try:
            self._require(Identity.model_validate_json(identity))
            for line in entries:
                entry = ShardEntry.model_validate_json(line)
                self.finished[entry.file] = entry
        except ValidationError:
            return  # the log ends at a line that a kill cut short

    def _require(self, found: Identity) -> None:
        for name in Identity.model_fields:
            have, want = getattr(found, name), getattr(self._identity, name)
            if have != want:
                raise SpecError(f"{self.path} holds another emission ({name} {have}, not {want}): name another folder")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished emission.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} can't be read ({error.strerror}); run `datamix mix emit` first") from None
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise StoreError(f"{path} is damaged ({why}); delete its folder and run `datamix mix emit` again") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)
