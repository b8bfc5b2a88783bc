from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import xxhash

from datamix.errors import InputError, SpecError
from datamix.spec.project import Source
from datamix.storage.inputs import discover


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl.gz", "deep/er/c.jsonl.zst", "deep/d.parquet", ".hidden.jsonl", ".git/e.jsonl"):
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return tmp_path


def source(*path: str, **fields: Any) -> Source:
    return Source(name="news", path=path, **fields)


def paths(root: Path, *path: str) -> list[str]:
    return [file.path for file in discover(source(*path), root)]


EVERYTHING = ["data/a.jsonl.gz", "data/b.jsonl", "data/deep/d.parquet", "data/deep/er/c.jsonl.zst"]


def test_files_globs_folders_and_lists(root: Path) -> None:
    assert paths(root, "data/b.jsonl") == ["data/b.jsonl"]
    assert paths(root, "./data/*.jsonl*") == ["data/a.jsonl.gz", "data/b.jsonl"]
    assert paths(root, "data/*/?.parquet") == ["data/deep/d.parquet"]
    assert paths(root, "data/**/*") == paths(root, "data") == paths(root, "data/**") == EVERYTHING
    assert paths(root, "data/**/er/*.zst") == ["data/deep/er/c.jsonl.zst"]
    assert paths(root, "data/b.jsonl", "data/*.jsonl", "data/[a]*") == ["data/a.jsonl.gz", "data/b.jsonl"]
    assert paths(root, "data/.*.jsonl") == ["data/.hidden.jsonl"]
    assert paths(root / "data" / "deep", "../b.jsonl") == ["../b.jsonl"]
    absolute = f"{root}/data/b.jsonl"
    assert paths(root, absolute) == [absolute]


def test_kinds_and_what_tells_a_change(root: Path) -> None:
    files = discover(source("data"), root)
    assert [file.kind for file in files] == ["jsonl.gz", "jsonl", "parquet", "jsonl.zst"]
    stat = (root / "data" / "b.jsonl").stat()
    file = files[1]
    assert (file.size, file.mtime_ns, file.ctime_ns, file.inode) == (
        stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino,
    )  # fmt: skip
    assert file.content_hash is None


def test_verify_bytes_hashes_the_content(root: Path) -> None:
    (file,) = discover(source("data/b.jsonl", verify="bytes"), root)
    assert file.content_hash == xxhash.xxh3_128_hexdigest(b"b.jsonl")


def test_linked_folders_are_not_walked_and_linked_files_are(root: Path) -> None:
    (root / "data" / "loop").symlink_to(root / "data")
    (root / "data" / "link.jsonl").symlink_to(root / "data" / "b.jsonl")
    assert paths(root, "data/**/*") == sorted([*EVERYTHING, "data/link.jsonl"])
    assert paths(root, "data/loop/b.jsonl") == ["data/loop/b.jsonl"]
    with pytest.raises(SpecError, match="matches no file"):
        discover(source("data/*/b.jsonl"), root)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("dat/*.jsonl", r"dat/\*\.jsonl matches no file: there is no 'dat' in .*; did you mean 'data'\?"),
        ("data/c.jsonl", r"there is no 'c.jsonl' in .*/data; did you mean 'b.jsonl'\?"),
        ("data/deep/*.jsonl", r"data/deep/ holds d\.parquet, er"),
        ("data/b.jsonl/*", r"matches no file"),
        ("data/empty", r"data/empty is an empty folder"),
    ],
)
def test_path_that_matches_nothing(root: Path, path: str, message: str) -> None:
    (root / "data" / "empty").mkdir()
    with pytest.raises(SpecError, match=message):
        discover(source(path), root)


def test_unknown_suffix(root: Path) -> None:
    (root / "data" / "README.md").touch()
    with pytest.raises(SpecError, match=r"data/README.md, which data matches, is of no known kind \(.jsonl, .*narrow"):
        discover(source("data"), root)


def test_unreadable_file_is_recorded(root: Path) -> None:
    (root / "data" / "gone.jsonl").symlink_to(root / "nowhere")
    (file,) = discover(source("data/g*.jsonl"), root)
    assert file.error == "can't be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file_is_recorded(root: Path) -> None:
    (root / "data" / "b.jsonl").chmod(0)
    (file,) = discover(source("data/b.jsonl"), root)
    assert file.error == "can't be read: Permission denied"


def test_name_that_is_not_utf8(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root / "data") + b"/\xff.jsonl")).touch()
    with pytest.raises(InputError, match="is not UTF-8; rename"):
        discover(source("data/*.jsonl"), root)
