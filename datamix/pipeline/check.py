"""Everything that can be found wrong before a run: `datamix check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from datamix.catalog.query import QUERY_FOLDER, connect, named_query
from datamix.errors import DatamixError, SpecError
from datamix.filters.check import Finding, check_effects, check_packs
from datamix.filters.packs import FOLDER, load_pack, load_packs
from datamix.library import find, names
from datamix.mixtures.components import component_condition
from datamix.pipeline.commits import Commits
from datamix.pipeline.inventory import take_inventory
from datamix.pipeline.publication import decidable_columns
from datamix.pipeline.run import RunOptions, prepare
from datamix.pipeline.wide import wide_schema
from datamix.signals.family import Family
from datamix.signals.registry import families
from datamix.spec.mixture import read_mixture
from datamix.spec.project import ProjectFile
from datamix.storage.store import Store


def check_project(file: ProjectFile) -> list[Finding]:
    """Check a project: models, sources, packs with their examples, mixtures, named queries, rules without effect.

    Returns:
        What was found, errors first.

    Raises:
        SpecError: the project file itself can't be read as one.
    """
    findings = [*_sources(file), *_packs(file), *_mixtures(file), *_queries(file), *_effects(file)]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def _sources(file: ProjectFile) -> Iterator[Finding]:
    store = Store(file.store_folder)
    try:
        measured, _ = prepare(file, RunOptions())
        inventory = take_inventory(file, measured, store, Commits(store.journal), None)
    except DatamixError as error:
        yield Finding("-", None, str(error), "error")
        return
    for state in inventory.states:
        if state.shard.file.error is not None:
            yield Finding(
                "-", None, f"{state.shard.file.path}: {state.shard.file.error}; it will be quarantined", "warning"
            )


def _packs(file: ProjectFile) -> list[Finding]:
    measured = families(file)
    columns = decidable_columns(wide_schema(file.project.sources, measured))
    used = load_packs(file)
    others = sorted(names(file.root, FOLDER, ".yaml") - {pack.name for pack in used})
    packs = [*used, *(load_pack(file.root, name) for name in others)]
    return check_packs(packs, columns, lambda texts: _measure(measured, texts))


def _measure(measured: Sequence[Family], texts: Sequence[str]) -> pa.Table:
    array = pa.array(texts, pa.large_string())
    columns: dict[str, pa.Array] = {}
    for family in measured:
        hidden = {column.name for column in family.columns if column.cold}
        columns |= {name: column for name, column in family.measure(array).items() if name not in hidden}
    return pa.table(columns)


def _mixtures(file: ProjectFile) -> Iterator[Finding]:
    own = sorted((file.root / "mixtures").glob("*.yaml"))
    columns = [*decidable_columns(wide_schema(file.project.sources, families(file))), *_DECIDED]
    for spec in own:
        if spec.name.endswith(".stock.yaml"):
            continue
        try:
            mixture = read_mixture(spec)
            for name, component in mixture.components.items():
                component_condition(name, component, columns)
        except SpecError as error:
            where = "" if error.file else f"{spec}: "
            yield Finding("-", None, f"{where}{error}", "error")


_DECIDED = ("doc_id", "domain", "kept", "reasons", "cluster_id", "cluster_size", "is_keeper")


def _queries(file: ProjectFile) -> Iterator[Finding]:
    catalog = file.store_folder / "catalog.duckdb"
    if not catalog.is_file():
        return
    with connect(catalog) as connection:
        for name in sorted(names(file.root, QUERY_FOLDER, ".sql")):
            try:
                connection.execute(f"EXPLAIN {named_query(file.root, name)}")
            except duckdb.Error as error:
                where = find(file.root, QUERY_FOLDER, name, ".sql")
                yield Finding("-", None, f"{where}: {str(error).strip().splitlines()[0]}", "error")


def _effects(file: ProjectFile) -> list[Finding]:
    catalog: Path = file.store_folder / "catalog.duckdb"
    if not catalog.is_file():
        return []
    _, decider = prepare(file, RunOptions())
    with connect(catalog) as connection:
        try:
            return check_effects(decider, connection, "documents")
        except duckdb.Error:  # a pack names what the last run had not measured yet
            return []
