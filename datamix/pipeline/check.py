"""Everything that can be found wrong before a run: `datamix check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from datamix.catalog.query import QUERY_FOLDER, connect, named_query, query
from datamix.errors import DatamixError, InputError, QueryError, SpecError, nearest
from datamix.filters.check import Finding, check_effects, check_packs
from datamix.filters.packs import FOLDER, load_pack, load_packs
from datamix.library import find, names
from datamix.mixtures.components import component_condition
from datamix.pipeline.commits import Commits
from datamix.pipeline.inventory import take_inventory
from datamix.pipeline.prepare import prepare
from datamix.pipeline.publication import decidable_columns
from datamix.pipeline.wide import wide_schema
from datamix.signals.family import Family
from datamix.signals.registry import families
from datamix.spec.mixture import read_mixture, read_stock
from datamix.spec.project import ProjectFile, Source
from datamix.storage.batch import Batch
from datamix.storage.reader import ShardReader
from datamix.storage.shards import Shard
from datamix.storage.store import Store

_FIRST_BYTES = 4_000_000
"""How much of a source's first shard is read."""

_DAMAGED = ("unreadable", "truncated", "damaged")
"""Reasons that speak of a file, not of the columns that the project names."""


def check_project(file: ProjectFile) -> list[Finding]:
    """Check a project: models, sources, packs with their examples, mixtures, named queries, rules without effect.

    Where a model can't be loaded, what rests on measured columns is left for the next check.

    Returns:
        What was found, errors first.
    """
    findings = [*_queries(file), *_inputs(file)]
    try:
        measured = families(file)
    except DatamixError as error:
        findings.append(_error(error))
    else:
        models = _models(measured)
        findings += models
        if not models:
            packs = _packs(file, measured)
            findings += [*packs, *_mixtures(file, measured)]
            if not any(finding.severity == "error" for finding in packs):  # else a run says the same of the same packs
                findings += _run(file)
    order = {"error": 0, "warning": 1, "note": 2}
    unique = dict.fromkeys(findings)  # what is wrong with a model or a pack shows in several places
    return sorted(unique, key=lambda finding: order[finding.severity])


def _error(error: DatamixError | str) -> Finding:
    return Finding("-", None, str(error), "error")


def _models(measured: Sequence[Family]) -> list[Finding]:
    """Measure a text with every family: a damaged model or an unknown label shows when it is loaded."""
    findings = []
    for family in measured:
        try:
            family.measure(pa.array(["A text."], pa.large_string()))
        except DatamixError as error:
            findings.append(_error(error))
    return findings


def _inputs(file: ProjectFile) -> Iterator[Finding]:
    """Find the inputs, and read the first rows of each source: a wrong key or column shows there."""
    store = Store(file.store_folder)
    try:
        inventory = take_inventory(file, (), store, Commits(store.journal), None)
    except DatamixError as error:
        yield _error(error)
        return
    first: dict[str, Shard] = {}
    for state in inventory.states:
        if state.shard.file.error is None:
            first.setdefault(state.source.name, state.shard)
        else:
            yield Finding(
                "-", None, f"{state.shard.file.path}: {state.shard.file.error}; it will be quarantined", "warning"
            )

    for i, source in enumerate(file.project.sources):
        if source.name in first:
            yield from _first_rows(file, i, source, first[source.name])


def _first_rows(file: ProjectFile, i: int, source: Source, shard: Shard) -> Iterator[Finding]:
    try:
        batch = next(iter(ShardReader(shard, source, file.root, batch_bytes=_FIRST_BYTES)), None)
    except InputError as error:
        yield _error(error)
        return
    if batch is None:
        return
    if batch.documents.num_rows == 0 and batch.quarantined:
        first = batch.quarantined[0]
        rows = sum(entry.documents for entry in batch.quarantined)
        message = (
            f"source {source.name!r}: all of the first {rows:,} rows of {shard.file.path} would be quarantined, the "
            f"first for {first.reason}: {first.detail}"
        )
        found = str(file.document.error(message, "sources", i, "text"))
        yield Finding("-", None, found, "warning" if first.reason in _DAMAGED else "error")
    elif batch.documents.num_rows:
        yield from _empty_columns(file, i, source, shard, batch)


def _empty_columns(file: ProjectFile, i: int, source: Source, shard: Shard, batch: Batch) -> Iterator[Finding]:
    named = [("id", "id", source.id), ("created", "created", source.created)]
    named += [("columns", column, column) for column in source.columns]
    rows = batch.documents.num_rows
    for key, column, written in named:
        if written is None or batch.documents.column(column).null_count < rows:
            continue
        unparsed = column == "created" and batch.unparsed_created > 0
        what = "holds no date, time or year" if unparsed else "is absent or null"
        message = (
            f"source {source.name!r}: {written!r} (`{key}`) {what} in all of the first {rows:,} documents of "
            f"{shard.file.path}"
        )
        yield Finding("-", None, str(file.document.error(message, "sources", i, key)), "warning")


def _packs(file: ProjectFile, measured: Sequence[Family]) -> list[Finding]:
    """Check the packs that the project uses, and those of its own and of the library that it does not."""
    findings = []
    try:
        packs = [*load_packs(file)]
    except SpecError as error:
        findings.append(_error(error))
        packs = []
    for name in sorted(names(file.root, FOLDER, ".yaml") - {pack.name for pack in packs}):
        try:
            packs.append(load_pack(file.root, name))
        except SpecError as error:
            findings.append(_error(error))
    columns = decidable_columns(wide_schema(file.project.sources, measured))
    return findings + check_packs(packs, columns, lambda texts: _measure(measured, texts))


def _measure(measured: Sequence[Family], texts: Sequence[str]) -> pa.Table:
    array = pa.array(texts, pa.large_string())
    columns: dict[str, pa.Array] = {}
    for family in measured:
        hidden = {column.name for column in family.columns if column.cold}
        columns |= {name: column for name, column in family.measure(array).items() if name not in hidden}
    return pa.table(columns)


def _mixtures(file: ProjectFile, measured: Sequence[Family]) -> Iterator[Finding]:
    columns = [*decidable_columns(wide_schema(file.project.sources, measured)), *_DECIDED]
    sources = {source.name for source in file.project.sources}
    domains = {source.domain_name for source in file.project.sources}
    for spec in sorted((file.root / "mixtures").glob("*.yaml")):
        try:
            if spec.name.endswith(".stock.yaml"):
                read_stock(spec)
                continue
            for name, component in read_mixture(spec).components.items():
                component_condition(name, component, columns)
                for kind, wanted, known in (
                    ("source", component.source, sources), ("domain", component.domain, domains)
                ):  # fmt: skip
                    if wanted is not None and wanted not in known:
                        yield Finding(
                            "-",
                            None,
                            f"{spec}: component {name!r} wants the {kind} {wanted!r}, which datamix.yaml does not have"
                            f"{nearest(wanted, known)}; it can be planned from a stock file only",
                            "warning",
                        )
        except SpecError as error:
            yield _error(error if error.file else f"{spec}: {error}")


_DECIDED = ("doc_id", "domain", "kept", "reasons", "cluster_id", "cluster_size", "is_keeper")


def _queries(file: ProjectFile) -> Iterator[Finding]:
    """Parse the named queries, and bind them to the catalog where there is one."""
    catalog = file.store_folder / "catalog.duckdb"
    for name in sorted(names(file.root, QUERY_FOLDER, ".sql")):
        text = named_query(file.root, name)
        try:
            if catalog.is_file():
                query(catalog, f"EXPLAIN {text}")
            else:
                duckdb.extract_statements(text)
        except (QueryError, duckdb.Error) as error:
            where = find(file.root, QUERY_FOLDER, name, ".sql")
            yield _error(f"{where}: {str(error).strip().splitlines()[0]}")


def _run(file: ProjectFile) -> list[Finding]:
    """Prepare a run, and look at what its rules would do to the documents that the last one measured."""
    try:
        _, decider = prepare(file)
    except DatamixError as error:
        return [_error(error)]
    catalog = file.store_folder / "catalog.duckdb"
    if not catalog.is_file():
        return []
    with connect(catalog) as connection:
        try:
            return check_effects(decider, connection, "documents")
        except duckdb.BinderException:  # a pack names what the last run had not measured yet
            return []
