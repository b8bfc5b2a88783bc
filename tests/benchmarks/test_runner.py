"""The benchmarks' command line, on a tiny corpus: what it prints, not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.__main__ import benchmarks
from benchmarks._corpus import corpus_texts
from benchmarks.signatures import compare
from datamix.errors import InputError

ROOT = Path(__file__).parents[2]
KEYS = {"what", "ours", "against", "theirs", "unit", "better", "ratio"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    pq.write_table(pa.table({"text": list(topics.values())}), tmp_path / "topics.parquet")
    return tmp_path


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_lists_every_benchmark_with_its_title() -> None:
    listed = command()
    assert listed.returncode == 0, listed.stderr
    lines = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines())
    assert {"signatures", "fasttext"} <= set(lines)
    assert lines == benchmarks()


def test_says_how_to_give_a_corpus_where_there_is_none(tmp_path: Path) -> None:
    refused = command("signatures", "--corpus", str(tmp_path / "nowhere"))
    assert refused.returncode == 2
    assert str(tmp_path / "nowhere") in refused.stderr
    assert "--corpus DIR" in refused.stderr


def test_reports_as_json(corpus: Path) -> None:
    answer = command("signatures", "--corpus", str(corpus), "--json")
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert list(report) == ["name", "date", "machine", "versions", "results"]
    assert report["name"] == "signatures"
    assert {"datamix", "numba", "datasketch"} <= set(report["versions"])
    assert report["machine"]["cores"] >= 1
    assert report["results"]
    for result in report["results"]:
        check_result(result)


def check_result(result: dict[str, object]) -> None:
    """Hold a result to the contract: both sides or neither, and a ratio over one where ours is better."""
    assert set(result) - {"note"} == KEYS
    assert result["better"] in ("higher", "lower")
    ours, theirs, ratio = result["ours"], result["theirs"], result["ratio"]
    assert isinstance(ours, float)
    assert ours > 0
    if result["against"] is None:
        assert theirs is None
        assert ratio is None
        return
    assert isinstance(theirs, float)
    assert isinstance(ratio, float)
    expected = ours / theirs if result["better"] == "higher" else theirs / ours
    assert ratio == pytest.approx(expected, rel=0.02, abs=0.06)  # all three are rounded


def test_says_what_to_install_where_a_peer_is_missing() -> None:
    def never(*_: object) -> float:
        raise AssertionError("a missing peer was measured")

    result = compare(200.0, "no_such_package", {}, never)
    check_result(result)
    assert result["note"] == "pip install no_such_package"


def test_a_corpus_without_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "a.parquet")
    for name in ("signatures", "fasttext"):
        refused = command(name, "--corpus", str(tmp_path))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"error: {tmp_path / 'a.parquet'} has no column `text`, only body; rename its column of texts\n"
        )


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (pa.nulls(2), "hold no text"),
        (pa.array([None, ""], pa.string()), "hold no text"),
        (pa.array([], pa.string()), "hold no text"),
        (pa.array([1, 2]), "holds int64, not text"),
    ],
)
def test_columns_of_no_use(tmp_path: Path, texts: pa.Array, problem: str) -> None:
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=problem):
        corpus_texts(tmp_path)


def test_a_damaged_file_of_the_corpus_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no Parquet")
    with pytest.raises(InputError, match=r"a\.parquet can't be read as Parquet"):
        corpus_texts(tmp_path)


def test_texts_of_a_corpus_in_order_without_nulls(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array(["c", None]).dictionary_encode()}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": ["b", None, "", "a"]}), tmp_path / "a.parquet")
    texts = corpus_texts(tmp_path)
    assert texts.type == pa.large_string()
    assert texts.to_pylist() == ["b", "a", "c"]
