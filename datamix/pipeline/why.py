"""One document's story, told from the catalog; its text is read from where it lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from datamix.catalog.query import query
from datamix.errors import InputError, QueryError, SpecError
from datamix.pipeline.publication import latest_state
from datamix.signals.content import ContentFamily
from datamix.spec.project import ProjectFile
from datamix.storage.reader import ShardReader
from datamix.storage.store import Store

HEAD_CHARACTERS = 400
MOST_STORIES = 10

_PLACE = (
    "doc_id", "id", "source", "domain", "file", "row", "created", "created_precision", "url", "host", "license",
    "text_hash", "cluster_id", "cluster_size", "is_keeper", "kept", "reasons", "shard", "shard_row",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """How the document is named: exactly one of these."""

    doc_id: str | None = None
    id: str | None = None
    url: str | None = None
    text: Path | None = None


@dataclass(frozen=True)
class Story:
    """All that the catalog knows of a document.

    Args:
        document: its place and its fate.
        head: the beginning of its text.
        signals: what was measured, by name.
        decisions: the comparisons that it failed.
        twin: the keeper of its cluster, if that is another document: doc_id, id, source, head, jaccard, verified.
        uses: the plans, phases and epochs that draw it.
    """

    document: dict[str, Any]
    head: str
    signals: dict[str, Any]
    decisions: list[dict[str, Any]]
    twin: dict[str, Any] | None
    uses: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the story as JSON."""
        return asdict(self)


def explain(file: ProjectFile, question: Question) -> list[Story]:
    """Tell the story of each document that the question fits, in the order of their doc_ids, ten at most.

    Raises:
        SpecError: the question names no document, or in two ways, or by the beginning of several doc_ids.
        QueryError: there is no such document.
    """
    store = Store.open(file.store_folder)
    condition, value = _condition(question)
    rows = query(
        store.catalog_file, f"SELECT * FROM documents WHERE {condition} ORDER BY doc_id LIMIT {MOST_STORIES}", [value]
    ).to_pylist()
    if not rows and question.text is not None:
        raise QueryError(
            f"no document has the text of {question.text}; the file must hold the whole text of one, as its source has "
            "it (runs of white space count as one space)"
        )
    if not rows:
        raise QueryError(
            f'no document fits {value!r}; `datamix sql "SELECT doc_id, id, url FROM documents LIMIT 10"` shows some'
        )
    if question.doc_id is not None and len(rows) > 1:
        raise SpecError(f"several doc_ids begin with {question.doc_id!r}; give more digits")
    return [_story(file, store, row) for row in rows]


def candidates(file: ProjectFile, beginning: str) -> list[dict[str, Any]]:
    """Return what a beginning of a doc_id may mean, if that is not one document alone.

    Returns:
        doc_id, source, id and head of the first ten documents, in order; nothing where the beginning is unambiguous.
    """
    store = Store.open(file.store_folder)
    rows = query(
        store.catalog_file,
        f"SELECT * FROM documents WHERE starts_with(doc_id, ?) ORDER BY doc_id LIMIT {MOST_STORIES}",
        [beginning.lower()],
    ).to_pylist()
    if len(rows) < 2:
        return []
    place = ("doc_id", "source", "id")
    return [{**{name: row[name] for name in place}, "head": read_head(file, store, row)} for row in rows]


def _condition(question: Question) -> tuple[str, str]:
    given = {name: value for name, value in vars(question).items() if value is not None}
    if len(given) != 1:
        raise SpecError("name the document in one way: a doc_id, --id, --url or --text FILE")
    if question.doc_id is not None:
        return "starts_with(doc_id, ?)", question.doc_id.lower()
    if question.text is not None:
        return "text_hash = ?", _text_hash(question.text)
    name, value = next(iter(given.items()))
    return f"{name} = ?", str(value)


def _text_hash(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SpecError(f"--text: {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"--text: {path} is not UTF-8 at byte {error.start}") from None
    digest: bytes = ContentFamily().measure(pa.array([text], pa.large_string()))["text_hash"][0].as_py()
    return digest.hex()


def _story(file: ProjectFile, store: Store, row: dict[str, Any]) -> Story:
    document = {name: row[name] for name in _PLACE}
    doc_id = row["doc_id"]
    decisions = query(
        store.catalog_file, "SELECT * EXCLUDE (doc_id) FROM decisions WHERE doc_id = ?", [doc_id]
    ).to_pylist()
    uses = query(
        store.catalog_file,
        "SELECT * EXCLUDE (doc_id) FROM uses WHERE doc_id = ? ORDER BY plan, first_sequence",
        [doc_id],
    ).to_pylist()
    signals = {name: value for name, value in row.items() if name not in _PLACE and value is not None}
    return Story(document, read_head(file, store, row), signals, decisions, _twin(file, store, row), uses)


def _twin(file: ProjectFile, store: Store, row: dict[str, Any]) -> dict[str, Any] | None:
    if row["is_keeper"]:
        return None
    keeper = query(store.catalog_file, "SELECT * FROM documents WHERE doc_id = ?", [row["cluster_id"]]).to_pylist()[0]
    return {
        "doc_id": keeper["doc_id"],
        "id": keeper["id"],
        "source": keeper["source"],
        "kept": keeper["kept"],
        "head": read_head(file, store, keeper),
        **_similarity(store, row["text_hash"], keeper["text_hash"]),
    }


def _similarity(store: Store, text: str, keeper_text: str) -> dict[str, Any]:
    """Return how alike two texts are. An edge joins one document of each text, not every pair of their copies."""
    if text == keeper_text:
        return {"jaccard": 1.0, "verified": "text"}
    edges = query(store.catalog_file, _EDGES, {"a": text, "b": keeper_text}).to_pylist()
    return edges[0] if edges else {"jaccard": None, "verified": None}


_EDGES = """
WITH texts AS (SELECT doc_id, text_hash FROM documents WHERE text_hash IN ($a, $b))
SELECT e.jaccard, e.verified
FROM edges AS e
JOIN texts AS a ON a.doc_id = e.doc_id_a
JOIN texts AS b ON b.doc_id = e.doc_id_b
WHERE a.text_hash <> b.text_hash
ORDER BY e.doc_id_a, e.doc_id_b
LIMIT 1
"""


def read_head(file: ProjectFile, store: Store, row: dict[str, Any]) -> str:
    """Return the beginning of a document's text, read from its shard; says so where the input is gone."""
    shard = latest_state(store).shard(row["source"], row["shard"])
    source = next((source for source in file.project.sources if source.name == row["source"]), None)
    if shard is None or source is None:
        return "(its source is no longer in datamix.yaml)"
    if not (file.root / shard.file.path).is_file():
        return f"({shard.file.path} is no longer there)"
    try:
        text = _text(ShardReader(shard, source.text_only(), file.root), row["row"])
    except InputError:
        return f"({shard.file.path} has changed since it was measured; `datamix run` measures it anew)"
    head = " ".join(text[: 2 * HEAD_CHARACTERS].split())
    return head[:HEAD_CHARACTERS] + ("..." if len(text) > HEAD_CHARACTERS else "")


def _text(reader: ShardReader, row: int) -> str:
    """Return the text in a row of a shard, which is read up to there."""
    for batch in reader:
        place = pa.compute.index(batch.documents.column("row"), row).as_py()
        if place >= 0:
            text: str = batch.documents.column("text")[place].as_py()
            return text
    raise InputError(f"there is no row {row} any more")
