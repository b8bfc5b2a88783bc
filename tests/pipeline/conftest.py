"""A small project of real text: the topics of Python's own help, with planted duplicates, in three formats."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PROJECT = """\
version: 1
store: ./store
sources:
  - {name: help, path: data/help.jsonl, id: name, columns: [url], priority: 1}
  - {name: mirror, path: data/mirror.jsonl.gz, id: name, license: CC0-1.0, exempt: [fineweb]}
  - {name: tables, path: data/tables.parquet, created: year, domain: help}
measure: {tokenizer: bytes}
dedup:
  near: {ngram: 5, permutations: 128, threshold: 0.8}
  prefer: [priority desc, words desc]
filters: [{gopher-datatrove: {min_alpha_words: 0.5}}, fineweb]
"""

Change = Callable[[str], str]


def write_corpus(root: Path) -> None:
    """Write the inputs: unique topics, exact and near copies of some of them, and what can't be read."""
    data = root / "data"
    data.mkdir(parents=True, exist_ok=True)
    names = sorted(topics)
    lines = [
        json.dumps({"name": name, "text": topics[name], "url": f"https://docs.example.org/{name}"}) for name in names
    ]
    lines.insert(3, '{"name": "broken", "text": ')
    lines.insert(9, '{"name": "no text"}')
    lines.insert(20, '{"name": "empty", "text": ""}')
    (data / "help.jsonl").write_text("\n".join(lines) + "\n")
    long = [name for name in names if len(topics[name]) > 1200]
    copies = [{"name": f"exact/{name}", "text": topics[name]} for name in long[:10]]
    copies += [{"name": f"near/{name}", "text": topics[name] + "\nLast updated by the mirror."} for name in long[10:25]]
    copies += [
        {"name": f"double/{name}", "text": topics[name] + "\nLast updated by the mirror."} for name in long[10:12]
    ]
    with gzip.GzipFile(data / "mirror.jsonl.gz", "wb", mtime=0) as file:
        file.write("".join(json.dumps(copy) + "\n" for copy in copies).encode())
    rows = [{"text": f"{topics[long[i]]}\n\n{topics[long[-i - 1]]}", "year": 2000 + i} for i in range(15)]
    pq.write_table(pa.Table.from_pylist(rows), data / "tables.parquet", row_group_size=7)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the project into a folder, its file changed by a function."""

    def make(name: str = "project", change: Change = lambda text: text) -> Path:
        root = tmp_path / name
        write_corpus(root)
        (root / "datamix.yaml").write_text(change(PROJECT))
        return root

    return make
