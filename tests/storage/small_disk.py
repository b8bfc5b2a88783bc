"""A small disk of its own, to be filled or made read-only, and what lies on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int = 1) -> Iterator[Path]:
    """Mount an empty disk of `megabytes` on `folder`; skip the test where this user may not."""
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def make_read_only(folder: Path) -> None:
    """Mount the disk of `folder` anew, read-only: root ignores the permissions of a folder, not of a disk."""
    _mount("-o", "remount,ro", str(folder)).check_returncode()


def listing(folder: Path) -> list[str]:
    """Return the names in `folder`, hidden ones too."""
    return sorted(file.name for file in folder.iterdir())


def _mount(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
