from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.storage.files import atomic
from datamix.storage.journal import Journal

ENTRY = {"run_id": "r1", "rows": 3, "parts": [{"path": "a/b.parquet", "seconds": 0.25}], "text": "ü\n", "none": None}


def test_an_entry_comes_back_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.read("commits", "a") is None
    assert journal.entries("commits") == {}
    journal.write("commits", "b", ENTRY)
    journal.write("commits", "a.x", {})
    assert journal.read("commits", "b") == ENTRY
    assert list(journal.entries("commits").items()) == [("a.x", {}), ("b", ENTRY)]
    assert journal.entries("runs") == {}
    journal.write("commits", "b", {"rows": 4})
    assert journal.read("commits", "b") == {"rows": 4}
    journal.remove("commits", "b")
    journal.remove("commits", "b")
    assert list(journal.entries("commits")) == ["a.x"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.text("xyz", max_size=3), json_values, max_size=5))
def test_any_entry_comes_back(tmp_path_factory: pytest.TempPathFactory, entry: dict[str, Any]) -> None:
    journal = Journal(tmp_path_factory.getbasetemp() / "any")
    journal.write("runs", "r", entry)
    assert journal.read("runs", "r") == entry


def test_an_entry_is_text_that_people_can_read(tmp_path: Path) -> None:
    Journal(tmp_path).write("runs", "r", ENTRY)
    shown = json.loads((tmp_path / "journal" / "runs" / "r.json").read_text())
    assert {key: shown[key] for key in ENTRY} == ENTRY


def test_what_is_being_written_is_no_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("commits", "a", ENTRY)
    with atomic(journal.folder / "commits" / "b.json") as temporary:
        temporary.write_text("{")
        assert list(journal.entries("commits")) == ["a"]


def test_flipped_bits_in_every_byte_and_every_truncation_is_detected(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("commits", "shard-7", ENTRY)
    file = tmp_path / "journal" / "commits" / "shard-7.json"
    good = file.read_bytes()
    flips = [good[:i] + bytes([good[i] ^ 1 << bit]) + good[i + 1 :] for i in range(len(good)) for bit in (0, 5)]
    unnoticed = []
    for bad in [*flips, *(good[:size] for size in range(len(good)))]:
        file.write_bytes(bad)
        try:
            read = journal.read("commits", "shard-7")
        except StoreError as error:
            assert "shard-7.json is damaged" in str(error)  # noqa: PT017
        else:
            unnoticed.append(read)
    assert all(read == ENTRY for read in unnoticed)  # white space between keys means nothing
    assert len(unnoticed) < len(good)


@pytest.mark.parametrize("content", ["[]", "7", "null", "{}", '{"rows": 3}'])
def test_json_that_is_no_entry_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "journal" / "runs").mkdir(parents=True)
    (tmp_path / "journal" / "runs" / "x.json").write_text(content)
    with pytest.raises(StoreError, match=r"the journal entry .*x.json is damaged \(its checksum"):
        Journal(tmp_path).entries("runs")
