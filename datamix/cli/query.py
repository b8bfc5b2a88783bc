"""`datamix sql` and `datamix why`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, plain, printable, say, table

HEAD_IN_TABLE = 100  # characters of a text that tell it from others

if TYPE_CHECKING:
    import pyarrow as pa

    from datamix.pipeline.why import Story


def sql(
    statement: Annotated[
        str | None, typer.Argument(metavar="[SELECT ...]", help="One statement that reads, or - for stdin.")
    ] = None,
    project: ProjectFolder = Path(),
    name: Annotated[
        str | None, typer.Option("--query", metavar="NAME", help="Run catalog/queries/NAME.sql instead.")
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer as CSV on stdout.")] = False,
) -> None:
    """Ask the catalog: one SQL statement, read-only. Without a statement: list the views and the named queries.

    Examples:

    - `datamix sql "SELECT source, count(*) FROM documents WHERE kept GROUP BY ALL"`
    - `datamix sql --query drop-reasons`
    - `datamix sql --csv "FROM decisions WHERE pack = 'c4' LIMIT 100" > c4.csv`
    - `datamix sql "DESCRIBE documents"`
    - `datamix sql --json | jq .queries` names the named queries
    """
    from datamix.catalog.query import named_query, query
    from datamix.errors import SpecError
    from datamix.storage.store import Store

    file = open_project(project)
    store = Store.open(file.store_folder)
    if statement is None and name is None:
        _list_queries(file.root, store.catalog_file, as_json)
        return
    if statement is not None and name is not None:
        raise SpecError("give a statement or --query NAME, not both")
    if as_json and as_csv:
        raise SpecError("answer as --json or as --csv, not both")
    if statement == "-":
        statement = _read_stdin()
    result = query(store.catalog_file, named_query(file.root, name) if name is not None else str(statement))
    if as_json:
        emit_json(result.to_pylist())
    elif as_csv:
        _write_csv(result)
    else:
        table(None, result.column_names, [list(row.values()) for row in result.to_pylist()])


def _read_stdin() -> str:
    from datamix.errors import SpecError

    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise SpecError(f"the statement on stdin is not UTF-8 at byte {error.start}") from None


def _list_queries(root: Path, catalog: Path, as_json: bool) -> None:
    from datamix.catalog.query import VIEWS, query, query_names

    views = {
        view: query(catalog, f"SELECT column_name FROM (DESCRIBE {view})")["column_name"].to_pylist() for view in VIEWS
    }
    queries = query_names(root)
    if as_json:
        emit_json({"views": views, "queries": queries})
        return
    rows = [[view, ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")] for view, names in views.items()]
    table("Views", ["view", "columns"], rows)
    table("Named queries (--query NAME)", ["name", "answers"], queries.items())


def _write_csv(result: pa.Table) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.column_names)
    writer.writerows([_csv_cell(value) for value in row.values()] for row in result.to_pylist())


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        import json

        return json.dumps(value, default=lambda item: str(plain(item)), ensure_ascii=False)
    return plain(value)


def why(
    doc_id: Annotated[str | None, typer.Argument(metavar="[DOC_ID]", help="32 hex digits, or their beginning.")] = None,
    project: ProjectFolder = Path(),
    own_id: Annotated[str | None, typer.Option("--id", help="The document's id in its source.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="The document's URL.")] = None,
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FILE", help="A file with the document's text, whole.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell a document's story: what was measured, which rules it failed, its kept twin, which plans use it.

    Examples:

    - `datamix why 3f2a` (a beginning of a doc_id; one that fits several documents lists them, and exits with 2)
    - `datamix why --id reuters-14832`
    - `datamix why --url https://example.org/page`
    - `datamix why --text page.txt`
    """
    from datamix.pipeline.why import Question, candidates, explain

    file, question = open_project(project), Question(doc_id, own_id, url, text)
    found = candidates(file, doc_id) if doc_id is not None else []
    if found and as_json:
        emit_json(found)
    elif found:
        table(None, list(found[0]), [[*place, head[:HEAD_IN_TABLE]] for *place, head in map(dict.values, found)])
    stories = explain(file, question)
    if as_json:
        emit_json([story.to_json() for story in stories])
        return
    for story in stories:
        _tell(story)


def _tell(story: Story) -> None:
    from rich.markup import escape

    document = story.document
    verdict = "[green]kept[/green]" if document["kept"] else f"[red]dropped[/red]: {', '.join(document['reasons'])}"
    say(f"[bold]{document['doc_id']}[/bold]  {verdict}")
    where = [f"{document['source']} ({document['domain']})", f"{document['file']} row {document['row']:,}"]
    where += [f"{key} {document[key]}" for key in ("id", "url", "created", "license") if document[key] is not None]
    say(escape(printable("; ".join(where))))
    say(f"[dim]{escape(printable(story.head))}[/dim]\n")
    if story.decisions:
        rows = [[f"{d['pack']}.{d['rule']}", d["term"], d["op"], _threshold(d), _value(d)] for d in story.decisions]
        table("Rules that it failed", ["rule", "measured", "must be", "threshold", "value"], rows)
    if story.twin is not None:
        _tell_twin(story.twin, document["cluster_size"])
    elif document["cluster_size"] > 1:
        say(f"It leads a cluster of {document['cluster_size']:,} duplicates.\n")
    if story.uses:
        columns = list(story.uses[0])
        table("Used by", columns, [list(use.values()) for use in story.uses])
    elif document["kept"]:
        say("No plan uses it yet.\n")
    table("Measured", ["signal", "value"], story.signals.items())


def _tell_twin(twin: dict[str, Any], size: int) -> None:
    from rich.markup import escape

    how = {
        "text": "the same text" if twin["jaccard"] == 1 else "Jaccard {:.3f}, of the texts",
        "signature": "Jaccard {:.3f}, estimated from the signatures",
        None: "joined by way of others in the cluster",
    }[twin["verified"]].format(twin["jaccard"])
    fate = "kept" if twin["kept"] else "itself dropped"
    own = "" if twin["id"] is None else f", id {twin['id']}"
    say(escape(printable(f"Its cluster of {size:,} is led by {twin['doc_id']} ({twin['source']}{own}; {fate}): {how}")))
    say(f"[dim]{escape(printable(twin['head']))}[/dim]\n")


def _value(decision: dict[str, Any]) -> Any:
    return decision["value"] if decision["value"] is not None else decision["value_text"]


def _threshold(decision: dict[str, Any]) -> Any:
    if decision["threshold"] is None:
        return decision["threshold_text"]
    if decision["threshold_high"] is None:
        return decision["threshold"]
    return f"{decision['threshold']:g} .. {decision['threshold_high']:g}"
