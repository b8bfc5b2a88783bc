from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
import zstandard

from datamix.errors import StoreError
from datamix.export import text_jsonl
from datamix.export.emit import emit
from datamix.storage.token_cache import TokenCacheWriter
from tests.export.small_plan import World, make_world, serially


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emitted")
    emit(world.emission(folder, "jsonl"), world.plan, serially)
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    read = b"".join(
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
        for path in sorted(folder.glob("text-*"))
    )
    return [json.loads(line) for line in read.splitlines()]


def test_each_document_stands_once_an_epoch_where_its_first_token_does(world: World, folder: Path) -> None:
    begins = [use for use in world.uses if use["doc_offset"] == 0]
    begins.sort(key=lambda use: (use["first_sequence"], use["line_start"]))
    assert lines(folder) == [
        {
            "doc_id": use["doc_id"].hex(),
            "text": world.texts[use["doc_id"]],
            "component": use["component"],
            "phase": use["phase"],
            "epoch": use["epoch"],
            "sequence": use["first_sequence"],
        }
        for use in begins
    ]


def test_polars_and_duckdb_read_it(folder: Path) -> None:
    expected = lines(folder)
    # Files without a document are empty, which polars refuses without a schema.
    schema = {name: pl.Int64 if isinstance(value, int) else pl.String for name, value in expected[0].items()}
    frames = [pl.read_ndjson(path, schema=schema) for path in sorted(folder.glob("text-*"))]
    assert pl.concat(frames).to_dicts() == expected
    found = duckdb.sql(f"SELECT text FROM read_json('{folder}/text-*.jsonl.zst') ORDER BY sequence, text").fetchall()
    assert sorted(text for (text,) in found) == sorted(row["text"] for row in expected)


def test_a_cut_file_is_an_error_for_its_reader(folder: Path) -> None:
    data = bytearray(max((path.read_bytes() for path in folder.glob("text-*")), key=len))
    data[len(data) // 2] ^= 4
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()


def test_batches_of_any_size_give_the_same_bytes(
    world: World, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_jsonl, "BATCH_BYTES", 200)
    emit(world.emission(tmp_path, "jsonl"), world.plan, serially)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_text_that_is_not_utf8_is_refused(world: World, tmp_path: Path) -> None:
    plan = make_world(tmp_path, world.tokenizer, {"web": ["some words here"]}, {"base": {"web": 2}})
    with TokenCacheWriter(tmp_path, "bytes/web/part-0.tok", "bytes", np.uint8) as writer:
        writer.append(np.frombuffer(b"some \xff words", np.uint8), np.array([0, 12]))
    with pytest.raises(StoreError, match="not UTF-8"):
        emit(plan.emission(tmp_path / "out", "jsonl"), plan.plan, serially)
