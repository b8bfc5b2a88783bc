"""Emission from the command line: what the shards hold is what the sources said, in the order of the plan."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import duckdb
import polars as pl
import pytest
from tokenizers import Tokenizer

from datamix.cli import execute
from datamix.errors import SpecError
from datamix.pipeline.emit import EmitOptions, emit_plan
from datamix.spec.project import read_project
from tests.finished import finished_project, make_project, plan_tiny
from tests.pipeline.runs import Silent, ask, run_local
from tests.pipeline.test_mix import train_tokenizer


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


@pytest.fixture(scope="module")
def tokenised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project measured with a tokenizer of its own, and planned."""
    root = tmp_path_factory.mktemp("tokenised")
    make_project(root)
    train_tokenizer(root / "tokenizer.json")
    for file, old, new in (
        ("datamix.yaml", "tokenizer: bytes", "tokenizer: tokenizer.json"),
        ("mixtures/tiny.yaml", "seed: 5", "seed: 5\ntokenizer: tokenizer.json"),
        ("mixtures/tiny.yaml", "tokens: 128K", "tokens: 48K"),
    ):
        (root / file).write_text((root / file).read_text().replace(old, new))
    run_local(root)
    plan_tiny(root)
    return root


def emit(project: Path, out: Path, form: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Emit the plan `tiny` from the command line, and return what it answers."""
    arguments = ["mix", "emit", "tiny", "-C", str(project), "--out", str(out), "--format", form]
    assert execute([*arguments, "--engine", "local", "--workers", "1", "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def rows_of(sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def texts_by_id(project: Path) -> dict[str, str]:
    """Return the texts by doc_id as the source files have them."""
    pairs = pl.read_parquet(project / "data" / "tables.parquet")["text"].to_list()
    rows = ask(project, "SELECT doc_id, source, id, row FROM documents WHERE source <> 'mirror'")
    return {row["doc_id"]: topics[row["id"]] if row["source"] == "help" else pairs[row["row"]] for row in rows}


def check_sequences(out: Path, length: int, ids: dict[str, list[int]]) -> int:
    """Compare every stretch of every sequence with the document's own tokens; return how many sequences there are."""
    shards = pl.read_parquet(sorted(out.glob("tokens-*.parquet")))
    for row in shards.iter_rows(named=True):
        assert len(row["tokens"]) == length
        at = 0
        for piece in row["documents"]:
            stop = piece["offset"] + piece["tokens"]
            assert row["tokens"][at : at + piece["tokens"]] == ids[piece["doc_id"].hex()][piece["offset"] : stop]
            at += piece["tokens"]
        assert at == length
    assert shards["sequence"].to_list() == list(range(shards.height))
    return shards.height


def test_jsonl_holds_the_texts_of_the_sources(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = emit(project, tmp_path, "jsonl", capsys)
    lines = rows_of(f"SELECT * FROM read_json('{tmp_path}/*.jsonl.zst') ORDER BY sequence")
    texts = texts_by_id(project)
    assert len(lines) == sum(count["documents"] for count in answer["components"].values()) > 0
    assert all(text == texts[doc_id] for doc_id, text, *_ in lines)
    assert {line[3] for line in lines} == {"base", "upsample"}


def test_parquet_holds_their_tokens_in_the_order_of_the_plan(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = emit(project, tmp_path, "parquet", capsys)
    ids = {doc_id: list(text.encode()) for doc_id, text in texts_by_id(project).items()}
    assert check_sequences(tmp_path, 500, ids) == answer["sequences"] == 256
    assert (answer["tokenizer"], answer["shards"], answer["sequence_length"]) == ("bytes", 1, 500)


def test_documents_are_listed_with_the_hashes_of_their_texts(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = emit(project, tmp_path, "jsonl", capsys)["plan"]
    listed = rows_of(
        f"SELECT DISTINCT lower(hex(doc_id)), lower(hex(text_hash)) FROM '{tmp_path / 'documents.parquet'}'"
    )
    used = f"SELECT doc_id FROM uses WHERE plan = '{plan}'"
    rows = ask(project, f"SELECT doc_id, text_hash FROM documents WHERE doc_id IN ({used})")
    assert dict(listed) == {row["doc_id"]: row["text_hash"] for row in rows}


def test_a_second_call_finds_everything_done(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = emit(project, tmp_path, "jsonl", capsys)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.glob("text-*")}
    manifest = (tmp_path / "manifest.json").read_bytes()
    assert emit(project, tmp_path, "jsonl", capsys) == first
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.glob("text-*")} == before
    assert (tmp_path / "manifest.json").read_bytes() == manifest
    rows = ask(project, f"SELECT format, sequences, tokens FROM emissions WHERE path = '{tmp_path}'")
    assert rows == [{"format": "jsonl", "sequences": 256, "tokens": 128_000}]


def test_a_lost_shard_alone_is_written_again(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit(project, tmp_path, "parquet", capsys)
    (shard,) = tmp_path.glob("tokens-*.parquet")
    content = shard.read_bytes()
    shard.unlink()
    emit(project, tmp_path, "parquet", capsys)
    assert shard.read_bytes() == content


def test_a_tokenizer_of_ones_own(tokenised: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = emit(tokenised, tmp_path / "tokens", "parquet", capsys)
    oracle = Tokenizer.from_file(str(tokenised / "tokenizer.json"))
    texts = texts_by_id(tokenised)
    used = {row["doc_id"] for row in ask(tokenised, "SELECT DISTINCT doc_id FROM uses")}
    ids = {doc_id: oracle.encode(texts[doc_id], add_special_tokens=False).ids for doc_id in used}
    assert check_sequences(tmp_path / "tokens", 500, ids) == answer["sequences"] == 96
    assert answer["tokenizer_hash"] == hashlib.sha256((tokenised / "tokenizer.json").read_bytes()).hexdigest()
    emit(tokenised, tmp_path / "texts", "jsonl", capsys)
    lines = rows_of(f"SELECT doc_id, text FROM read_json('{tmp_path}/texts/*.jsonl.zst')")
    assert lines
    assert all(text == texts[doc_id] for doc_id, text in lines)


def test_the_folder_of_another_emission_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emit(project, tmp_path, "jsonl", capsys)
    options = EmitOptions("parquet", tmp_path, "local", 1)
    with pytest.raises(SpecError, match=r"holds another emission \(format jsonl, not parquet\): name another folder"):
        emit_plan(read_project(project), "tiny", options, Silent())


@pytest.mark.parametrize(
    ("plan", "form", "message"),
    [
        ("tiny", "jsonn", "unknown format 'jsonn'; did you mean 'jsonl'"),
        ("tinny", "jsonl", r"no plan 'tinny'.*tiny \([0-9a-f]{12}\)"),
    ],
)
def test_unknown_names_are_refused(project: Path, tmp_path: Path, plan: str, form: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        emit_plan(read_project(project), plan, EmitOptions(form, tmp_path / "out", "local", 1), Silent())
    assert not (tmp_path / "out").exists()
