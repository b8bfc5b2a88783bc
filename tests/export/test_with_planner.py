"""The real planner and the real engine, on real text: emitted shards against the plan and the texts."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xxhash

from datamix.engine.local import LocalEngine
from datamix.export.emission import Emission, PlanTokenizer
from datamix.export.emit import emit
from datamix.mixtures.plan import Plan, plan
from datamix.mixtures.uses import uses
from datamix.signals.tokenizers import BytesTokenizer
from datamix.spec.mixture import Mixture
from datamix.storage.parts import write_part
from datamix.storage.token_cache import TokenCacheWriter
from tests.export.small_plan import open_cache

LENGTH = 128
MIXTURE = {
    "version": 1,
    "name": "small",
    "tokens": 120 * LENGTH,
    "sequence_length": LENGTH,
    "batch": 4,
    "seed": 3,
    "components": {name: {"source": name} for name in ("code", "math", "news")},
    "phases": [
        {"name": "base", "weights": {"code": 0.2, "news": 0.8}},
        {"name": "upsample", "last": "30%", "ramp": "10%", "weights": {"code": 0.3, "math": 0.7}},
    ],
}


@pytest.fixture
def planned(shared_data: Path, tmp_path: Path) -> tuple[Plan, Emission, dict[bytes, str]]:
    tokenizer, documents, texts = BytesTokenizer(), {}, {}
    for source in MIXTURE["components"]:
        frame = pl.read_parquet(shared_data / f"corpus/{source}.parquet", columns=["text"], n_rows=40)
        column = frame["text"].to_arrow().cast(pa.large_string())
        ids = [xxhash.xxh3_128_digest(f"{source} {row}".encode()) for row in range(len(column))]
        texts |= dict(zip(ids, column.to_pylist(), strict=True))
        parts = []
        for shard, start in (("a", 0), ("b", 15)):
            part = column[start : 15 if shard == "a" else None]
            with TokenCacheWriter(tmp_path, f"bytes/{source}/{shard}.tok", "bytes", np.uint8) as writer:
                writer.append(*tokenizer.encode(part))
            parts.append(
                pa.table(
                    {
                        "doc_id": pa.array(ids[start : start + len(part)], pa.binary(16)),
                        "tokens": tokenizer.count(part),
                        "source": [source] * len(part),
                        "shard": [shard] * len(part),
                        "shard_row": pa.array(range(len(part)), pa.int32()),
                    }
                )
            )
        documents[source] = pa.concat_tables(parts)
    stock = {source: int(np.sum(table["tokens"].to_numpy())) for source, table in documents.items()}
    made = plan(Mixture.model_validate(MIXTURE), stock)
    write_part(tmp_path, "uses.parquet", uses(made, documents))
    emission = Emission(
        folder=tmp_path / "out",
        format="parquet",
        plan_hash="cafe",
        tokenizer=PlanTokenizer("bytes", "bytes", "uint8"),
        uses=tmp_path / "uses.parquet",
        caches=functools.partial(open_cache, tmp_path, "bytes"),
        shard_bytes=20 * LENGTH,
    )
    return made, emission, texts


def test_two_workers_emit_the_plan(planned: tuple[Plan, Emission, dict[bytes, str]]) -> None:
    made, emission, texts = planned
    engine = LocalEngine(2)
    try:
        manifest = emit(emission, made, engine.map)
    finally:
        engine.close()
    assert len(manifest.shards) == 6
    assert [(phase.name, phase.start, phase.end) for phase in manifest.phases] == [
        (phase.name, phase.start, phase.end) for phase in made.phases
    ]
    for written, phase in zip(manifest.phases, made.phases, strict=True):
        assert [count.sequences for count in written.components.values()] == list(phase.sequences)
    rows = pl.read_parquet(emission.folder / "tokens-*.parquet").to_dicts()
    assert [row["component"] for row in rows] == [made.components[c] for c in made.order(0, made.sequences)]
    for row in rows:
        stretches = [texts[d["doc_id"]].encode()[d["offset"] : d["offset"] + d["tokens"]] for d in row["documents"]]
        assert b"".join(stretches) == bytes(row["tokens"])
        assert len(row["tokens"]) == LENGTH


def test_no_document_stands_twice_before_all_of_its_component_did(
    planned: tuple[Plan, Emission, dict[bytes, str]],
) -> None:
    made, emission, texts = planned
    emission = replace(emission, format="jsonl")
    emit(emission, made, LocalEngine(1).map)
    paths = [path for path in sorted(emission.folder.glob("text-*")) if pl.read_ndjson(path).height]
    lines = pl.concat([pl.read_ndjson(path) for path in paths])
    assert lines["sequence"].is_sorted()
    assert lines.select("doc_id", "epoch").is_duplicated().sum() == 0
    assert all(texts[bytes.fromhex(row["doc_id"])] == row["text"] for row in lines.to_dicts())
    assert set(lines["component"]) == set(MIXTURE["components"])
