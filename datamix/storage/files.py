"""Files that are either whole or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash

from datamix.errors import StoreError

TEMPORARY_SUFFIX = ".tmp"
_HASH_BLOCK = 1 << 22


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_DENIED = (errno.EACCES, errno.EPERM)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it to `path`, on failure remove it.

    The temporary name is unique to this attempt: a retried task, or a worker that outlives its driver, never writes
    into another attempt's file.

    Raises:
        StoreError: the disk is full or the folder can't be written; the old file is intact.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        if not _is_about_writing(error, path, temporary):
            raise
        reason = error.strerror or str(error)
        raise StoreError(f"can't write {path}: {reason}; nothing that was there has changed") from None
    finally:
        with contextlib.suppress(OSError):  # a folder that can't be written holds no temporary file either
            temporary.unlink(missing_ok=True)


def _is_about_writing(error: OSError, path: Path, temporary: Path) -> bool:
    if error.errno in _DISK:
        return True
    if error.filename is None:  # Arrow names no file; who reads inputs while writing turns its errors into InputError
        return error.errno in _DENIED
    named = Path(os.fsdecode(error.filename))
    return named in (path, temporary) or named in path.parents


def private_folder(folder: Path) -> Path:
    """Make `folder` for this user alone, and return it: for what is trusted as it is found, tokens and compiled code.

    Raises:
        OSError: it can't be made, or stands there already and others can write it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EPERM, "the folder is another user's, or others can write it", str(folder))
    return folder


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's renames, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_hash(path: Path) -> str:
    """Return the XXH3-128 of a file's bytes, 32 hex digits, read in blocks."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
