"""What bad input gets: a clear error or a quarantine entry, and the run goes on with the rest."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamix.errors import InputError, ModelError, SpecError
from tests.pipeline.runs import ask, run_local

TEXTS = [topics[name] for name in sorted(topics)][:12]


def lines(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"id": i, "text": text}).encode() + b"\n" for i, text in enumerate(texts))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    def make(path: str = "data/*", more: str = "") -> Path:
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "datamix.yaml").write_text(
            f"version: 1\nsources:\n  - {{name: mixed, path: '{path}', id: id}}\nfilters: []\n{more}"
        )
        return tmp_path

    return make


def test_damage_is_quarantined_and_the_rest_goes_on(project: Callable[..., Path]) -> None:
    root = project()
    data = root / "data"
    (data / "good.jsonl").write_bytes(lines(TEXTS[:5]))
    packed = gzip.compress(lines([f"{i}: {topics[name]}" for i, name in enumerate(sorted(topics))]), mtime=0)
    (data / "cut.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    (data / "latin.jsonl").write_bytes(b'{"id": "a", "text": "caf\xe9"}\n' + lines(TEXTS[10:11]))
    (data / "nothing.jsonl").write_bytes(b"")
    (data / "no.parquet").write_bytes(b"PAR1 this is no Parquet file")
    (data / "twice.jsonl").write_bytes(
        lines(["The same id, one text.", "Another text."]).replace(b'"id": 1', b'"id": 0')
    )
    summary = run_local(root).to_json()
    assert summary["documents"] == summary["kept"] + sum(summary["dropped"].values()) + summary["quarantined"]
    reasons = {(Path(row["file"]).name, row["reason"]) for row in ask(root, "FROM quarantine")}
    assert reasons == {("cut.jsonl.gz", "truncated"), ("latin.jsonl", "not_utf8"), ("no.parquet", "unreadable")}
    (cut,) = ask(root, "SELECT line FROM quarantine WHERE reason = 'truncated'")
    read = ask(root, "SELECT count(*) AS n FROM documents WHERE file LIKE '%cut.jsonl.gz'")
    assert read[0]["n"] == cut["line"] - 1 > 10
    ids = ask(root, "SELECT doc_id, id FROM documents WHERE file LIKE '%twice%'")
    assert len({row["doc_id"] for row in ids}) == 2
    assert [row["id"] for row in ids] == ["0", "0"]
    assert ask(root, "SELECT repeated_ids FROM sources")[0]["repeated_ids"] > 0


def test_odd_but_valid_texts_have_defined_values(project: Callable[..., Path]) -> None:
    root = project(more="measure: {scores: {}}\n")
    odd = [
        "a\x00b \x07 control",
        "\u202eright to left \u0634\u0643\u0631\u0627",
        "\u4f60\u597d\u4e16\u754c" * 40,
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35" * 40,
        " \n\t ",
        "\U0001f600" * 30,
    ]
    (root / "data" / "odd.jsonl").write_bytes(lines(odd))
    summary = run_local(root)
    assert summary.counts.documents == len(odd)
    row = ask(root, "SELECT * FROM documents WHERE id = '4'")[0]
    assert (row["words"], row["mean_word_length"], row["terminal_lines_fraction"]) == (0, 0, 0)
    floats = ask(root, "SELECT count(*) AS n FROM documents WHERE isnan(mean_word_length) OR words IS NULL")
    assert floats == [{"n": 0}]


def test_a_missing_text_column_names_the_columns_there_are(project: Callable[..., Path]) -> None:
    root = project()
    pq.write_table(pa.table({"id": [1], "txt": ["a"]}), root / "data" / "a.parquet")
    with pytest.raises(InputError, match=r"'text'.*'txt'"):
        run_local(root)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xba\x16\x4f\x2f" + b"\xff" * 200])
def test_a_model_that_is_no_model_is_refused_before_anything_is_read(
    project: Callable[..., Path], content: bytes
) -> None:
    root = project(more="measure: {scores: {quality: {model: bad.ftz, label: good}}}\n")
    (root / "bad.ftz").write_bytes(content)
    (root / "data" / "good.jsonl").write_bytes(lines(TEXTS[:2]))
    with pytest.raises(ModelError, match=r"bad\.ftz"):
        run_local(root)
    assert not (root / "store").exists()


def test_nothing_to_read_is_an_error_not_an_empty_catalog(project: Callable[..., Path]) -> None:
    root = project()
    (root / "data" / "empty.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="no document"):
        run_local(root)


def test_a_path_outside_what_is_known_is_refused(project: Callable[..., Path]) -> None:
    root = project(path="data/x.txt")
    (root / "data" / "x.txt").write_text("plain")
    with pytest.raises(SpecError, match=r"datamix.yaml:3: .*no known kind"):
        run_local(root)


def test_an_input_that_changes_while_it_is_read_is_not_mixed(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project()
    file = root / "data" / "good.jsonl"
    file.write_bytes(lines(TEXTS[:5]))
    from datamix.pipeline import measure

    original = measure.base_ids

    def meddle(*arguments: object) -> object:
        file.write_bytes(lines(TEXTS[5:9]))
        return original(*arguments)

    monkeypatch.setattr(measure, "base_ids", meddle)
    with pytest.raises(InputError, match="changed"):
        run_local(root)
    monkeypatch.undo()
    assert run_local(root).counts.documents == 4
