from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.errors import InputError
from datamix.spec.project import NAME_PATTERN, Source
from datamix.storage.inputs import discover
from datamix.storage.shards import Shard, shards

LINES = [json.dumps({"text": "x" * (i % 40)}).encode() + b"\n" for i in range(100)]


def cut(root: Path, path: str, max_bytes: int, known: list[Shard] | None = None, **fields: Any) -> list[Shard]:
    source = Source(name="s", path=path, **fields)
    return shards(discover(source, root), source, root, max_bytes, known or [])


def test_plain_file_is_cut_at_newlines(tmp_path: Path) -> None:
    content = b"".join(LINES)
    (tmp_path / "a.jsonl").write_bytes(content)
    found = cut(tmp_path, "a.jsonl", 200)
    assert len(found) > 10
    assert [found[0].start, *(shard.stop for shard in found)] == [*(shard.start for shard in found), len(content)]
    for shard in found:
        assert shard.stop - shard.start <= 200
        assert content[: shard.start].count(b"\n") == shard.first_row
        assert content[shard.stop - 1 : shard.stop] == b"\n"
    assert len({shard.key for shard in found}) == len(found)


def test_small_and_compressed_files_are_whole(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst"):
        (tmp_path / name).write_bytes(b"".join(LINES))
    found = cut(tmp_path, "*", 200) + cut(tmp_path, "a.jsonl", 10_000)
    assert [shard.file.kind for shard in found].count("jsonl.gz") == 1
    assert found[-1].content_hash is None
    assert (found[-1].start, found[-1].stop) == (0, found[-1].file.size)


def test_line_longer_than_a_shard_is_not_cut(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"aa\n" + b"b" * 3_000_000 + b"\nc\n" + b"d" * 50)
    assert [(shard.start, shard.stop, shard.first_row) for shard in cut(tmp_path, "a.jsonl", 10)] == [
        (0, 3, 0),
        (3, 3_000_004, 1),
        (3_000_004, 3_000_006, 2),
        (3_000_006, 3_000_056, 3),
    ]


def test_grown_file_keeps_its_complete_shards(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(LINES))
    before = cut(tmp_path, "a.jsonl", 300)
    with file.open("ab") as end:
        end.writelines(LINES)
    after = cut(tmp_path, "a.jsonl", 300)
    kept = len(before) - 1
    assert [(shard.key, shard.identity()) for shard in after[:kept]] == [
        (shard.key, shard.identity()) for shard in before[:kept]
    ]
    assert after[kept].identity() != before[kept].identity()

    file.write_bytes(b"".join(LINES).replace(b"x", b"y", 1))
    changed = cut(tmp_path, "a.jsonl", 300)
    assert [shard.identity() for shard in changed[1:]] == [shard.identity() for shard in before[1:]]
    assert changed[0].identity() != before[0].identity()


def test_known_shards_of_an_unchanged_file_are_not_cut_again(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(LINES))
    marked = [Shard.from_json({**shard.to_json(), "content_hash": "marked"}) for shard in cut(tmp_path, "a.jsonl", 300)]
    assert cut(tmp_path, "a.jsonl", 300, known=marked[::-1]) == marked
    assert cut(tmp_path, "a.jsonl", 400, known=marked)[0].content_hash != "marked"
    file.write_bytes(b"".join(LINES))
    assert cut(tmp_path, "a.jsonl", 300, known=marked)[0].content_hash != "marked"


def test_identity_of_whole_files(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one")
    (by_stat,) = cut(tmp_path, "a.jsonl", 100)
    (by_bytes,) = cut(tmp_path, "a.jsonl", 100, verify="bytes")
    os.utime(file, ns=(0, 0))
    assert cut(tmp_path, "a.jsonl", 100)[0].identity() != by_stat.identity()
    assert cut(tmp_path, "a.jsonl", 100, verify="bytes")[0].identity() == by_bytes.identity()
    file.write_bytes(b"two")
    assert cut(tmp_path, "a.jsonl", 100, verify="bytes")[0].identity() != by_bytes.identity()


def test_shards_travel_and_their_keys_name_files(tmp_path: Path) -> None:
    for name in ("a b (1)é.jsonl", "__.jsonl", "x" * 200 + ".jsonl"):
        (tmp_path / name).write_bytes(b"".join(LINES))
    for shard in cut(tmp_path, "*", 300):
        assert re.fullmatch(NAME_PATTERN, shard.key)
        assert pickle.loads(pickle.dumps(shard)) == shard  # noqa: S301
        assert Shard.from_json(json.loads(json.dumps(shard.to_json()))) == shard
        json.dumps(shard.identity())


def write_parquet(file: Path, rows: int, group: int, **columns: pa.Array) -> None:
    table = pa.table({"text": [f"{i:0100d}" for i in range(rows)], **columns})
    pq.write_table(table, file, row_group_size=group, use_dictionary=False)


def test_parquet_is_cut_at_row_groups(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", 95, 10)
    found = cut(tmp_path, "a.parquet", 4_000)
    assert [(shard.start, shard.stop, shard.first_row, shard.rows) for shard in found] == [
        (0, 3, 0, 30),
        (3, 6, 30, 30),
        (6, 9, 60, 30),
        (9, 10, 90, 5),
    ]
    assert len(cut(tmp_path, "a.parquet", 1)) == 10
    write_parquet(tmp_path / "a.parquet", 0, 10)
    (empty,) = cut(tmp_path, "a.parquet", 1)
    assert empty.rows == 0


def test_missing_column_names_the_nearest_and_the_key(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", 3, 10, stars=pa.array([1, 2, 3]))
    with pytest.raises(InputError, match=r"no column 'txt'; did you mean 'text'\?; it has text, stars; change `text`"):
        cut(tmp_path, "a.parquet", 1, text="txt")
    with pytest.raises(InputError, match=r"no column 'star'.*'stars'.*change `columns` of source 's'"):
        cut(tmp_path, "a.parquet", 1, columns=["star"])
    with pytest.raises(InputError, match="the column 'stars' holds int64, not text"):
        cut(tmp_path, "a.parquet", 1, text="stars")


def test_what_is_no_parquet_is_a_shard_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")
    (shard,) = cut(tmp_path, "a.parquet", 1)
    assert shard.file.error is not None
    assert shard.file.error.startswith("can't be read as Parquet: ")
