from __future__ import annotations

import os
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.storage.files import atomic, file_hash, private_folder
from tests.storage.small_disk import listing, make_read_only, small_disk


def write(path: Path, data: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_half(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise error


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "a.json"
    write(path, b"old")
    with atomic(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"new"
    assert listing(path.parent) == ["a.json"]


def test_attempts_at_once_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with atomic(path) as first, atomic(path) as second:
        assert first != second
        first.write_bytes(b"1")
        second.write_bytes(b"2")
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), FileNotFoundError(2, "gone", "/input.txt")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.json"
    write(path, b"old")
    with pytest.raises(type(error)) as caught:
        write_half(path, error)
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["a.json"]


def test_an_input_that_may_not_be_read_is_not_told_as_a_failure_to_write(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic(tmp_path / "a.json"):
        raise PermissionError(13, "Permission denied", "/data/input.jsonl")


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match=r"can't write .*store/a.json: (File exists|Not a directory); nothing"):
        write(tmp_path / "store" / "a.json", b"x")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        write(disk / "a", b"old")
        with pytest.raises(StoreError, match=r"can't write .*disk/a: No space left on device; nothing that was there"):
            write(disk / "a", bytes(2_000_000))
        assert (disk / "a").read_bytes() == b"old"
        assert listing(disk) == ["a"]


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        write(disk / "a", b"old")
        make_read_only(disk)
        for path in (disk / "a", disk / "folder" / "b"):
            with pytest.raises(StoreError, match="Read-only file system"):
                write(path, b"new")
        assert (disk / "a").read_bytes() == b"old"


@given(st.binary(max_size=10_000))
def test_the_hash_is_that_of_the_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "hashed"
    path.write_bytes(data)
    assert file_hash(path) == xxhash.xxh3_128_hexdigest(data)


def test_a_private_folder_is_this_users_alone(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "private")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder(folder) == folder
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="others can write it"):
        private_folder(folder)


def test_a_private_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    if os.getuid():
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(PermissionError, match="another user's"):
        private_folder(tmp_path / "theirs")
