"""The same input gives the same bytes, whatever the engine, the workers, the order of files, and kills."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.runs import ask, run_local, store_bytes

Make = Callable[..., Path]

CHECKOUT = Path(__file__).parents[2]
SHARD_BYTES = 60_000  # a dozen shards and more
KILLS = 6

DOCUMENTS = "SELECT * FROM documents ORDER BY doc_id"
LOGGED = "SELECT family, source, shard, fingerprint, path, rows, bytes, hash FROM parts ORDER BY path"


def start(root: Path, engine: str, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.pipeline.runs", str(root), engine, str(workers), str(SHARD_BYTES)]
    return subprocess.Popen(command, cwd=CHECKOUT, start_new_session=True, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def test_workers_and_hash_seeds_make_no_difference(make_project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_project()
    run_local(root, max_shard_bytes=SHARD_BYTES)
    expected, documents, logged = store_bytes(root), ask(root, DOCUMENTS), ask(root, LOGGED)
    assert len({path for path in expected if path.startswith("signals/signatures/")}) > 10
    for workers, seed in ((2, "1"), (4, "2")):
        shutil.rmtree(root / "store")
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        finish(start(root, "local", workers))
        assert store_bytes(root) == expected
        assert ask(root, DOCUMENTS) == documents
        assert ask(root, LOGGED) == logged


@pytest.mark.ray
def test_ray_writes_what_the_process_pool_writes(make_project: Make) -> None:
    root = make_project()
    run_local(root, max_shard_bytes=SHARD_BYTES)
    expected, documents = store_bytes(root), ask(root, DOCUMENTS)
    shutil.rmtree(root / "store")
    finish(start(root, "ray", 2))
    assert store_bytes(root) == expected
    assert ask(root, DOCUMENTS) == documents
    assert ask(root, "SELECT engine, workers FROM runs") == [{"engine": "ray", "workers": 2}]


def test_killed_at_random_points_it_resumes_to_the_same_bytes(make_project: Make) -> None:
    root = make_project()
    started = time.monotonic()
    finish(start(root, "local", 2))
    seconds = time.monotonic() - started
    expected, documents = store_bytes(root), ask(root, DOCUMENTS)
    shutil.rmtree(root / "store")
    chance = random.Random(17)  # noqa: S311
    killed = 0
    for _ in range(KILLS):
        process = start(root, "local", 2)
        try:
            process.wait(timeout=seconds * chance.uniform(0.3, 0.95))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
    assert killed
    finish(start(root, "local", 2))
    assert store_bytes(root) == expected
    assert ask(root, DOCUMENTS) == documents
    assert not list((root / "store").rglob("*.tmp"))
    runs = {row["status"] for row in ask(root, "SELECT status FROM runs")}
    assert "running" not in runs


def test_ids_and_decisions_do_not_hang_on_how_documents_lie_in_files(make_project: Make) -> None:
    root, shuffled = make_project("one"), make_project("two")
    source = shuffled / "data" / "help.jsonl"
    lines = source.read_text().splitlines(keepends=True)
    random.Random(3).shuffle(lines)  # noqa: S311
    source.unlink()
    for i in range(3):
        (shuffled / "data" / f"help-{i}.jsonl").write_text("".join(lines[i::3]))
    file = shuffled / "datamix.yaml"
    file.write_text(file.read_text().replace("data/help.jsonl", "data/help-*.jsonl"))
    run_local(root)
    run_local(shuffled)
    same = "SELECT * EXCLUDE (file, row, shard, shard_row) FROM documents ORDER BY doc_id"
    assert ask(root, same) == ask(shuffled, same)
    assert ask(root, "FROM edges ORDER BY ALL") == ask(shuffled, "FROM edges ORDER BY ALL")


def test_a_file_of_which_only_some_shards_were_committed_is_measured_to_its_end(make_project: Make) -> None:
    root = make_project()
    first = run_local(root, max_shard_bytes=SHARD_BYTES)
    expected = store_bytes(root)
    commits = sorted((root / "store" / "journal" / "commits").glob("help--*.json"))
    assert len(commits) > 4
    for entry in commits[1::2]:  # as if the run had been killed before these
        entry.unlink()
    again = run_local(root, max_shard_bytes=SHARD_BYTES)
    assert again.shards_measured == len(commits[1::2])
    assert again.counts == first.counts
    assert store_bytes(root) == expected
