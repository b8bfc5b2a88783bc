from __future__ import annotations

import json

import polars as pl

from datamix.cli import execute
from tests.training.python_texts import labelled


def test_the_command_trains_from_several_files(tmp_path, capsys):
    data = labelled()
    frame = pl.DataFrame({"text": data.texts.to_pylist(), "kind": list(data.labels)})
    frame[::2].write_parquet(tmp_path / "a.parquet")
    frame[1::2].write_ndjson(tmp_path / "b.jsonl")
    files = ["--data", "a.parquet", "b.jsonl", "--label-column", "kind", "--positive", "prose"]
    options = ["--out", "prose.ftz", "--epochs", "20", "-C", str(tmp_path), "--json"]
    code = execute(["train", "prose", *files, *options])
    answer = capsys.readouterr()
    assert (code, answer.err) == (0, "")
    card = json.loads(answer.out)
    assert [file["file"] for file in card["data"]] == ["a.parquet", "b.jsonl"]
    assert card["evaluation"][0]["auc"] > 0.9
    assert json.loads((tmp_path / "prose.ftz.card.json").read_text()) == card


def test_a_misspelt_column_is_a_usage_error_in_one_line(tmp_path, capsys):
    pl.DataFrame({"text": ["a"], "label": ["x"]}).write_parquet(tmp_path / "a.parquet")
    code = execute(
        ["train", "x", "--data", "a.parquet", "--label-column", "lable", "--out", "x.ftz", "-C", str(tmp_path)]
    )
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "did you mean 'label'?" in line
    bad = ["train", "x", "--data", "a.parquet", "--label-column", "label", "--out", "x.ftz", "-C", str(tmp_path)]
    assert execute([*bad, "--character-ngrams", "6-4"]) == 2
    assert execute([*bad, "--max-size", "much"]) == 2
