from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

from datamix.errors import InputError, SpecError
from datamix.training.labelled import Labelled, read_labelled


def test_the_three_formats_read_alike(tmp_path):
    frame = pl.DataFrame({"body": ["one text", "another", "a third"], "y": [1, 0, 1]})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_csv(tmp_path / "a.csv")
    for file in ("a.parquet", "a.jsonl", "a.csv"):
        data, (described,) = read_labelled([tmp_path / file], "body", "y")
        assert data.texts.to_pylist() == ["one text", "another", "a third"]
        assert list(data.labels) == ["1", "0", "1"]
        assert (described.file, described.documents, described.labels) == (file, 3, {"0": 1, "1": 2})


def test_rows_without_text_or_label_are_left_out_and_counted(tmp_path):
    file = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["one", None, " \n", "four"], "y": ["a", "a", "a", None]}).write_parquet(file)
    data, (described,) = read_labelled([file], "text", "y")
    assert data.texts.to_pylist() == ["one"]
    assert (described.documents, described.unusable) == (1, 3)


def test_what_can_not_be_read_is_named(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text,label\nx,1\n")
    with pytest.raises(SpecError, match=r"no column 'lable' among text, label; did you mean 'label'\?"):
        read_labelled([file], "text", "lable")
    with pytest.raises(SpecError, match="holds Int64, not text"):
        read_labelled([file], "label", "label")
    with pytest.raises(SpecError, match=r"unknown format '\.txt'"):
        read_labelled([tmp_path / "a.txt"], "text", "label")
    with pytest.raises(InputError, match=r"absent\.parquet: the labelled texts can't be read"):
        read_labelled([tmp_path / "absent.parquet"], "text", "label")
    (tmp_path / "no.parquet").write_bytes(b"not Parquet")
    with pytest.raises(InputError, match="check the path and the format"):
        read_labelled([tmp_path / "no.parquet"], "text", "label")


def test_a_label_with_white_space_is_refused():
    with pytest.raises(SpecError, match="'very good'"):
        Labelled(pa.array(["x"], pa.large_string()), ["very good"])


def test_whole_floats_are_the_labels_of_integers(tmp_path):
    whole = pl.DataFrame({"text": ["a", "b"], "y": [0, 1]})
    gaps = pl.DataFrame({"text": list("cdefgh"), "y": [0.0, 1.0, None, float("nan"), 0.5, -2.0]})
    whole.write_parquet(tmp_path / "a.parquet")
    gaps.write_parquet(tmp_path / "b.parquet")
    gaps.fill_nan(None).write_csv(tmp_path / "c.csv")
    data, (first, *others) = read_labelled(
        [tmp_path / name for name in ("a.parquet", "b.parquet", "c.csv")], "text", "y"
    )
    assert list(data.labels) == ["0", "1", *["0", "1", "0.5", "-2"] * 2]
    assert data.texts.to_pylist() == ["a", "b", *"cdgh", *"cdgh"]
    assert [first.unusable, *(file.unusable for file in others)] == [0, 2, 2]


def test_a_folder_is_no_file(tmp_path):
    for name in ("x.parquet", "x.jsonl", "x.csv"):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=r"x\.\w+ is a folder; name the files in it"):
            read_labelled([tmp_path / name], "text", "label")
