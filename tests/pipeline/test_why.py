"""A document's story: by every way to name it, and for every fate."""

from __future__ import annotations

import re
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import duckdb
import pytest

from datamix.errors import QueryError, SpecError
from datamix.pipeline.why import HEAD_CHARACTERS, Question, Story, candidates, explain
from datamix.spec.project import read_project
from tests.finished import finished_project
from tests.pipeline.runs import ask


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_project(tmp_path_factory)


def stories(project: Path, **question: Any) -> list[Story]:
    return explain(read_project(project), Question(**question))


def story_of(project: Path, condition: str) -> Story:
    doc_id = ask(project, f"SELECT doc_id FROM documents WHERE {condition} ORDER BY doc_id LIMIT 1")[0]["doc_id"]
    (story,) = stories(project, doc_id=doc_id)
    return story


def jaccard(a: str, b: str) -> float:
    def shingles(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def test_a_document_is_named_by_doc_id_its_beginning_id_url_or_text(project: Path, tmp_path: Path) -> None:
    (by_id,) = stories(project, id="assert")
    doc_id = by_id.document["doc_id"]
    text = tmp_path / "text.txt"
    text.write_text(topics["assert"])
    for question in (
        {"doc_id": doc_id},
        {"doc_id": doc_id[:12].upper()},
        {"url": "https://docs.example.org/assert"},
        {"text": text},
    ):
        assert stories(project, **question) == [by_id]


def test_a_beginning_that_fits_several_lists_them_in_order(project: Path) -> None:
    found = candidates(read_project(project), "0")
    told = [candidate["doc_id"] for candidate in found]
    assert told == sorted(told)
    assert len(told) > 1
    assert all(doc_id.startswith("0") for doc_id in told)
    assert [list(candidate) for candidate in found] == [["doc_id", "source", "id", "head"]] * len(found)
    (first,) = stories(project, doc_id=told[0])
    assert (first.head, first.document["source"]) == (found[0]["head"], found[0]["source"])
    assert candidates(read_project(project), told[0]) == []
    with pytest.raises(SpecError, match="several doc_ids begin with '0'; give more digits"):
        stories(project, doc_id="0")


def test_a_kept_document_has_its_head_measurements_and_uses(project: Path) -> None:
    story = story_of(project, "kept AND source = 'help' AND doc_id IN (SELECT doc_id FROM uses)")
    text = topics[story.document["id"]]
    assert story.head == " ".join(text[: 2 * HEAD_CHARACTERS].split())[:HEAD_CHARACTERS] + "..."
    assert story.signals["bytes"] == len(text.encode())
    assert "quality" not in story.signals
    assert (story.decisions, story.document["reasons"]) == ([], [])
    own = f"doc_id = '{story.document['doc_id']}'"
    assert story.uses == ask(project, f"SELECT * EXCLUDE (doc_id) FROM uses WHERE {own} ORDER BY plan, first_sequence")
    assert {use["component"] for use in story.uses} == {"help"}


def test_a_filtered_document_has_every_failed_rule_with_value_and_threshold(project: Path) -> None:
    story = story_of(project, "len(reasons) >= 2 AND NOT list_has_any(reasons, ['dedup.near', 'dedup.exact'])")
    assert [f"{row['pack']}.{row['rule']}" for row in story.decisions] == story.document["reasons"]
    for row in story.decisions:
        assert row["value"] == pytest.approx(story.signals[row["term"]])
        assert not eval(f"{row['value']} {row['op']} {row['threshold']}")  # noqa: S307
    assert story.uses == []


def test_an_exact_copy_names_its_kept_twin(project: Path) -> None:
    story = story_of(project, "reasons[-1] = 'dedup.exact' AND starts_with(id, 'exact/')")
    assert story.twin is not None
    assert story.twin["id"] == story.document["id"].removeprefix("exact/")
    assert (story.twin["jaccard"], story.twin["verified"], story.twin["kept"]) == (1.0, "text", True)
    assert story.twin["head"] == story.head


def test_near_copies_name_their_kept_twin_with_the_jaccard_of_the_texts(project: Path) -> None:
    copies = ask(
        project,
        "SELECT d.doc_id, (SELECT count(*) FROM edges WHERE d.doc_id IN (doc_id_a, doc_id_b) AND d.cluster_id IN "
        "(doc_id_a, doc_id_b)) AS edges FROM documents AS d WHERE NOT is_keeper AND (starts_with(id, 'near/') OR "
        "starts_with(id, 'double/')) ORDER BY edges, doc_id LIMIT 4",
    )
    assert {copy["edges"] for copy in copies} == {0, 1}  # no edge joins the copy of a near copy to the keeper
    for copy in copies:
        (story,) = stories(project, doc_id=copy["doc_id"])
        twin = story.twin
        assert twin is not None
        name = story.document["id"].partition("/")[2]
        exact = jaccard(topics[name], topics[name] + "\nLast updated by the mirror.")
        assert twin["id"] == name
        assert twin["kept"]
        assert twin["verified"] in ("text", "signature")
        assert twin["jaccard"] == pytest.approx(exact, abs=1e-6 if twin["verified"] == "text" else 0.1)


def test_the_decisions_of_one_document_cost_one_pass(project: Path) -> None:
    with duckdb.connect(str(project / "store" / "catalog.duckdb"), read_only=True) as connection:
        ((_, plan),) = connection.execute("EXPLAIN SELECT * FROM decisions WHERE doc_id = ?", ["00" * 16]).fetchall()
    assert plan.count("READ_PARQUET") == 2  # measurements and masks, whatever the number of comparisons


def test_a_vanished_input_leaves_the_story_without_its_text(project: Path, tmp_path: Path) -> None:
    spec = (project / "datamix.yaml").read_text()
    (tmp_path / "datamix.yaml").write_text(spec.replace("./store", str(project / "store")))
    (story,) = stories(tmp_path, id="assert")
    assert story.head == "(data/help.jsonl is no longer there)"
    assert story.signals["bytes"] == len(topics["assert"].encode())


def test_a_source_that_left_the_project_leaves_the_story_without_its_text(project: Path, tmp_path: Path) -> None:
    spec = (project / "datamix.yaml").read_text().replace("name: help,", "name: other,")
    (tmp_path / "datamix.yaml").write_text(spec.replace("./store", str(project / "store")))
    (story,) = stories(tmp_path, id="assert")
    assert story.head == "(its source is no longer in datamix.yaml)"


def test_questions_without_an_answer_say_what_to_do(project: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"no document fits 'nobody'; `datamix sql"):
        stories(project, id="nobody")
    with pytest.raises(SpecError, match="in one way: a doc_id, --id, --url or --text FILE"):
        stories(project)
    with pytest.raises(SpecError, match="in one way"):
        stories(project, id="a", url="b")
    with pytest.raises(SpecError, match=r"--text: .*gone.txt can't be read: No such file"):
        stories(project, text=tmp_path / "gone.txt")
    (tmp_path / "other.txt").write_text("A text that no source has.")
    with pytest.raises(QueryError, match=r"no document has the text of .*other.txt; the file must hold the whole text"):
        stories(project, text=tmp_path / "other.txt")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(SpecError, match="is not UTF-8 at byte 0"):
        stories(project, text=tmp_path / "latin.txt")
