"""Superseded parts go after their time, what the catalog shows stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from datamix.pipeline.collect import collect_superseded
from datamix.pipeline.publication import latest_state
from datamix.storage.store import Store
from tests.pipeline.runs import ask, run_local, store_bytes

Make = Callable[..., Path]


def test_only_old_and_unshown_parts_are_deleted(make_project: Make) -> None:
    root = make_project()
    run_local(root)
    first = store_bytes(root)
    file = root / "datamix.yaml"
    original = file.read_text()
    file.write_text(original.replace("threshold: 0.8", "threshold: 0.9").replace("0.5", "0.6"))
    run_local(root)
    before = ask(root, "FROM documents ORDER BY doc_id")
    store = Store.open(root / "store")
    assert collect_superseded(store, latest_state(store)) == 0
    assert collect_superseded(store, latest_state(store), grace_s=0) == 3  # edges, signatures, decisions
    assert ask(root, "FROM documents ORDER BY doc_id") == before
    gone = set(first) - set(store_bytes(root))
    assert {path.partition("/")[0] for path in gone} == {"dedup", "decisions"}
    file.write_text(original)
    assert run_local(root).shards_measured == 0
    assert {path: first[path] for path in gone} == {path: store_bytes(root)[path] for path in gone}
