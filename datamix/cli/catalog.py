"""`datamix catalog`."""

from __future__ import annotations

from pathlib import Path

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, say

app = typer.Typer(help="The DuckDB catalog of the store.", no_args_is_help=True)


@app.callback()
def catalog() -> None:
    """The DuckDB catalog of the store: any DuckDB from 1.5 on opens it, read-only.

    Example: `duckdb -readonly store/catalog.duckdb "SELECT * FROM runs"`
    """


@app.command()
def rebuild(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Build the catalog anew from the journal and the parts: after the store was moved, or the file was lost.

    Example: `datamix catalog rebuild`
    """
    from rich.markup import escape

    from datamix.pipeline.commits import Commits
    from datamix.pipeline.publication import publish_catalog
    from datamix.storage.store import Store

    store = Store.open(open_project(project).store_folder)
    with store.lock():
        publish_catalog(store, Commits(store.journal))
    if as_json:
        emit_json({"catalog": str(store.catalog_file), "bytes": store.catalog_file.stat().st_size})
    else:
        say(f"{escape(str(store.catalog_file))} is built anew")
