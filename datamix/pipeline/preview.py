"""What a run would do: `datamix run --dry-run`."""

from __future__ import annotations

from typing import Any

from datamix.pipeline.commits import Commits
from datamix.pipeline.inventory import ShardState, take_inventory
from datamix.pipeline.prepare import prepare
from datamix.pipeline.run import RunOptions
from datamix.spec.project import ProjectFile
from datamix.storage.store import Store


def preview(file: ProjectFile, options: RunOptions) -> dict[str, Any]:
    """Return what a run would read, measure and write, by source, without writing anything.

    Raises:
        SpecError: the project can't be run as it is written.
    """
    families, _ = prepare(file)
    store = Store(file.store_folder)
    commits = Commits(store.journal)
    inventory = take_inventory(file, families, store, commits, options.sample, options.max_shard_bytes)
    sources = [
        _source(name, [state for state in inventory.states if state.source.name == name])
        for name in dict.fromkeys(state.source.name for state in inventory.states)
    ]
    return {
        "store": str(store.folder),
        "sources": sources,
        "shards_to_measure": sum(entry["shards_to_measure"] for entry in sources),
        "bytes_to_read": sum(entry["bytes_to_read"] for entry in sources),
        "parts_to_write": sum(len(state.missing) for state in inventory.states),
        "vanished_shards": len({(shard.source, shard.key) for shard in inventory.vanished}),
    }


def _source(name: str, states: list[ShardState]) -> dict[str, Any]:
    missing = [state for state in states if state.missing]
    return {
        "source": name,
        "files": len({state.shard.file.path for state in states}),
        "shards": len(states),
        "shards_to_measure": len(missing),
        "bytes_to_read": sum(_input_bytes(state) for state in missing),
        "families": sorted({wanted.name for state in missing for wanted in state.missing}),
    }


def _input_bytes(state: ShardState) -> int:
    """Bytes of the file that the shard reads; row groups of a Parquet file take their share of it by rows."""
    shard = state.shard
    return shard.file.size if shard.rows is not None else shard.stop - shard.start
