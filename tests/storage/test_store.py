from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.storage.store import Store, canonical_json, fingerprint
from tests.storage.small_disk import make_read_only, small_disk

HOLD = """\
import sys, time
from pathlib import Path
from datamix.storage.store import Store
with Store(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_store_is_made_once_and_opened_again(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store in .* yet; `datamix run` makes it"):
        Store.open(tmp_path / "store")
    store = Store.create(tmp_path / "store")
    mark = (store.folder / "store.json").stat()
    assert Store.create(store.folder).folder == store.folder == Store.open(store.folder).folder
    assert (store.folder / "store.json").stat() == mark
    assert store.catalog_file == store.folder / "catalog.duckdb"


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_damaged_mark_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(StoreError, match=r"store.json can't be read"):
        Store.open(tmp_path)


def test_a_store_of_another_format_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="has format 99, this datamix reads format 1"):
        Store.create(tmp_path)


def test_a_file_where_the_store_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match="can't write"):
        Store.create(tmp_path / "store")


def test_a_second_process_is_told_who_writes_and_comes_in_when_that_one_dies(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        started = time.monotonic()
        says = f"process {holder.pid} is writing the store in .*; wait until it ends"
        with pytest.raises(StoreError, match=says), store.lock():
            pass
        assert time.monotonic() - started < 10
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with store.lock():
            assert (tmp_path / "lock.owner").read_text() == f"process {os.getpid()}"
    assert not (tmp_path / "lock.owner").exists()


def test_the_lock_is_given_back_after_a_failure(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with pytest.raises(ZeroDivisionError), store.lock():
        raise ZeroDivisionError
    with store.lock():
        pass


def test_a_store_that_can_not_be_written_can_not_be_locked(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = Store.create(disk / "store")
        make_read_only(disk)
        with pytest.raises(StoreError, match="can't be locked for writing: Read-only file system"), store.lock():
            pass
        assert Store.open(disk / "store").journal.entries("runs") == {}


def test_what_killed_attempts_left_is_collected(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    part = tmp_path / "signals" / "text" / "news" / "a.parquet"
    part.parent.mkdir(parents=True)
    part.touch()
    code = (
        "import os, signal, sys; from pathlib import Path; from datamix.storage.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for target in (part, store.catalog_file):
        assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == -signal.SIGKILL
    (tmp_path / ".catalog.duckdb.0011.tmp.wal").touch()
    assert store.collect_orphans() == 3
    assert store.collect_orphans() == 0
    left = sorted(file.name for file in tmp_path.rglob("*") if file.is_file())
    assert left == ["a.parquet", "store.json"]


@given(st.permutations([("a", 1), ("b", [1.5, None]), ("c", {"y": "ü", "x": True}), (1, "d")]))
def test_the_order_of_keys_changes_no_fingerprint(items: list[tuple[object, object]]) -> None:
    assert fingerprint(dict(items)) == fingerprint({"a": 1, "b": [1.5, None], "c": {"x": True, "y": "ü"}, 1: "d"})


def test_fingerprints_stay_the_same_from_release_to_release() -> None:
    assert fingerprint({"b": [1, 2.5, None, "ü"], "a": True}) == "71bb4424217dfb78"
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
    assert len({fingerprint(value) for value in (1, 1.0, "1", [1], {"1": 1}, None, True)}) == 7
