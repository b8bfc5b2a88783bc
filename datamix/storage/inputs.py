"""The files of a source: found from its paths, with what tells whether one changed."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path, PurePosixPath

import xxhash

from datamix.errors import InputError, SpecError, nearest
from datamix.spec.project import Source

KINDS = {".jsonl": "jsonl", ".jsonl.gz": "jsonl.gz", ".jsonl.zst": "jsonl.zst", ".parquet": "parquet"}
"""What a file is, by the end of its name."""

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class InputFile:
    """One file of a source.

    Args:
        path: POSIX path, relative to the project's folder unless the source's path is absolute.
        kind: a value of KINDS.
        size: bytes.
        mtime_ns: time of modification, ns since 1970.
        ctime_ns: time of the last change of the inode, ns since 1970.
        inode: its number.
        content_hash: xxh3_128 of its bytes in hexadecimal, for `verify: bytes`; else None.
        error: why it can't be read (size and times are then 0), or None.
    """

    path: str
    kind: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    content_hash: str | None = None
    error: str | None = None


def discover(source: Source, root: Path) -> list[InputFile]:
    """Find the files of `source`, sorted by path, each once.

    A path is a file, a folder (all files below it), or a glob with `*`, `?`, `[...]` and `**`. Names that start with a
    dot are matched only by a pattern that does. Walking (a folder, `*`, `**`) does not enter linked folders, so that it
    ends and stays where it was sent; linked files, and links that are written out, are followed. A file that can't be
    read is recorded with its error.

    Args:
        source: its `path` and `verify` are used.
        root: the project's folder, where relative paths start.

    Raises:
        SpecError: a path matches nothing, or matches a file of unknown kind.
        InputError: a file's name is not UTF-8.
    """
    found: dict[str, InputFile] = {}
    for pattern in source.path:
        paths = sorted(_expand(root, pattern))
        if not paths:
            raise SpecError(f"source {source.name!r}: {pattern} matches no file{_nearest_path(root, pattern)}")
        for path in paths:
            if path not in found:
                found[path] = inspect(root, path, _kind(source, pattern, path), source.verify == "bytes")
    return [found[path] for path in sorted(found)]


def inspect(root: Path, path: str, kind: str, with_hash: bool) -> InputFile:
    """Look at one file: size, times, inode, with `with_hash` its content; one that can't be read gets an `error`."""
    try:
        with (root / path).open("rb", buffering=0) as file:
            content_hash = _hash(file) if with_hash else None
            file.read(1)
            stat = os.fstat(file.fileno())
    except OSError as error:
        return InputFile(path, kind, error=f"can't be read: {error.strerror}")
    return InputFile(path, kind, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, content_hash)


def _hash(file: RawIOBase) -> str:
    digest = xxhash.xxh3_128()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _kind(source: Source, pattern: str, path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"source {source.name!r}: the file name {os.fsencode(path)!r} is not UTF-8; rename the file"
        ) from None
    for suffix, kind in KINDS.items():
        if path.endswith(suffix):
            return kind
    raise SpecError(
        f"source {source.name!r}: {path}, which {pattern} matches, is of no known kind ({', '.join(KINDS)}); "
        "narrow the path, like `data/**/*.parquet`, or rename the file"
    )


def _is_pattern(part: str) -> bool:
    return any(character in part for character in "*?[")


def _expand(root: Path, pattern: str) -> Iterator[str]:
    """Yield the paths of files that `pattern` matches, in no order, some perhaps twice."""
    path = PurePosixPath(pattern)
    if not _is_pattern(pattern):
        if (root / path).is_dir():
            yield from _match(root, path, ("**", "*"))
        elif os.path.lexists(root / path):
            yield str(path)
        return
    parts = path.parts
    first = next(i for i, part in enumerate(parts) if _is_pattern(part))
    yield from _match(root, PurePosixPath(*parts[:first]), parts[first:])


def _match(root: Path, folder: PurePosixPath, parts: tuple[str, ...]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if not _is_pattern(part):
        if rest:
            yield from _match(root, folder / part, rest)
        elif os.path.lexists(root / folder / part):
            yield str(folder / part)
        return
    if part == "**":
        yield from _match(root, folder, rest or ("*",))
    pattern = re.compile(fnmatch.translate("*" if part == "**" else part))
    for entry in _entries(root / folder):
        if (entry.name.startswith(".") and not part.startswith(".")) or not pattern.match(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if part == "**":
                yield from _match(root, folder / entry.name, parts)
            elif rest:
                yield from _match(root, folder / entry.name, rest)
        elif not rest and part != "**" and not entry.is_dir():
            yield str(folder / entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"the folder {folder} can't be listed: {error.strerror}; give read permission") from None


def _nearest_path(root: Path, pattern: str) -> str:
    """Return how the first part of `pattern` that matches nothing might be meant, or what stands there instead."""
    parts = PurePosixPath(pattern).parts
    for i, part in enumerate(parts):
        folder = PurePosixPath(*parts[:i])
        if _is_pattern(part) or not os.path.lexists(root / folder / part):
            names = sorted(entry.name for entry in _entries(root / folder) if not entry.name.startswith("."))
            hint = nearest(part, names)
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            missing = "" if _is_pattern(part) else f": there is no {part!r} in {(root / folder).resolve()}"
            return missing + (hint or f"; {folder}/ holds {shown or 'nothing'}")
    return f": {pattern} is an empty folder"
