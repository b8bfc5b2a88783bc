"""Plans: a mixture's components counted in the catalog, planned, and written under the hash of all that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datamix.errors import ModelError, SpecError, StoreError, nearest
from datamix.library import find
from datamix.mixtures.ledger import ledger
from datamix.mixtures.plan import Plan, plan
from datamix.mixtures.planfile import FILE_NAME, plan_hash, spec_hash, to_json
from datamix.mixtures.uses import uses
from datamix.pipeline.commits import Commits
from datamix.pipeline.inventory import IDS_OF_TOKENS
from datamix.pipeline.publication import State, latest_state, publish_catalog
from datamix.pipeline.selection import document_pin, documents_hash, overlaps, selected, selections, state_pins
from datamix.signals.tokenizers import tokenizer_hash
from datamix.spec.mixture import Mixture, read_mixture, read_stock
from datamix.spec.project import ProjectFile
from datamix.storage.files import atomic
from datamix.storage.parts import write_part
from datamix.storage.store import Store


@dataclass(frozen=True)
class Planned:
    """A plan that was made.

    Args:
        plan: its hash, 32 hex digits.
        ledger: what it says, as `datamix mix plan --json` prints it.
        folder: where it lies; None where it was made from a stock file alone.
    """

    plan: str
    ledger: dict[str, Any]
    folder: Path | None


def mixture_file(root: Path, spec: Path) -> Path:
    """Return the file of a mixture: a path from here or from the project's folder, or the name of a shipped one.

    Raises:
        SpecError: there is no such file; names the nearest.
    """
    return next((p for p in (spec, root / spec) if p.is_file()), None) or find(root, "mixtures", str(spec), ".yaml")


def plan_from_stock(spec: Path, stock: Path, out: Path | None) -> Planned:
    """Plan a mixture from a stock file, without any documents.

    Raises:
        SpecError: the mixture or the stock is impossible; with file, line and the least change that helps.
    """
    made = plan(read_mixture(spec), read_stock(stock))
    if out is not None:
        _write_plan(out, made)
    return Planned(plan_hash(made), ledger(made), out)


def plan_mixture(file: ProjectFile, spec: Path, out: Path | None = None) -> Planned:
    """Plan a mixture from the documents of the catalog, keep the plan in the store, and publish it.

    A plan is immutable: the same mixture of the same documents is the same plan.

    Args:
        file: the project.
        spec: the mixture's file.
        out: where to write a copy of plan.json.

    Raises:
        SpecError: the mixture is impossible, or wants another tokenizer than the project measures.
        StoreError: nothing was run yet, or only a sample.
    """
    mixture = read_mixture(spec)
    store = Store.open(file.store_folder)
    with store.lock():
        state = latest_state(store)
        pins = _pins(file, state, mixture, spec)
        _require_selections(file, mixture, spec)
        conditions = selections(store, mixture, spec)
        documents = {name: selected(store, condition) for name, condition in conditions.items()}
        stock = {name: pc.sum(table["tokens"]).as_py() or 0 for name, table in documents.items()}
        pins |= {document_pin(name): documents_hash(table) for name, table in documents.items()}
        try:
            made = plan(mixture, stock, pins)
        except SpecError as error:
            raise SpecError(error.message, file=spec) from None
        name = plan_hash(made)
        folder = store.folder / "plans" / name
        # Not in plan.json: what it says follows from its spec and stock alone, and is compared when it is loaded.
        told = ledger(made)
        told["warnings"] = [*told["warnings"], *overlaps(store, conditions)]
        inputs = _inputs(state, documents)
        known = store.journal.read("plans", name)
        if known is None or known["inputs"] != inputs:  # the same documents, perhaps in files that were moved about
            _keep(store, made, documents, {"file": _place(file.root, spec), "inputs": inputs, "ledger": told})
            publish_catalog(store, Commits(store.journal))
        if out is not None:
            _write_plan(out, made)
    return Planned(name, told, folder)


def _place(root: Path, spec: Path) -> str:
    """Return where a spec lies: seen from the project's folder, or else from the root of all."""
    inside = spec.resolve().is_relative_to(root.resolve())
    return str(spec.resolve().relative_to(root.resolve()) if inside else spec.resolve())


def _inputs(state: State, documents: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """Return the shards that hold the documents, each as its input was when it was measured, with its token ids."""
    places = {
        (place["source"], place["shard"])
        for table in documents.values()
        for place in table.group_by(["source", "shard"]).aggregate([]).to_pylist()
    }
    inputs = []
    for source, key in sorted(places):
        shard, ids = state.shard(source, key), state.part(source, key, IDS_OF_TOKENS)
        if shard is None:
            raise StoreError(f"the catalog names the shard {source}/{key}, the journal does not; `datamix run` again")
        inputs.append({"shard": shard.to_json(), "ids": None if ids is None else asdict(ids)})
    return inputs


def _pins(file: ProjectFile, state: State, mixture: Mixture, spec: Path) -> dict[str, str]:
    """Return what the plan rests on beside its spec and documents."""
    if state.sample is not None:
        raise StoreError(
            f"the catalog holds a sample ({state.sample} of the documents), whose tokens are not those of the whole; "
            "`datamix run` without --sample first"
        )
    pins = state_pins(state)
    measured = pins["tokenizer"]
    if mixture.tokenizer is not None:
        beside = (file.root / mixture.tokenizer, spec.parent / mixture.tokenizer)
        path = next((str(path) for path in beside if path.is_file()), mixture.tokenizer)
        try:
            wanted = tokenizer_hash(path)
        except ModelError as error:
            raise SpecError(str(error), file=spec) from None
        if wanted != measured:
            raise SpecError(
                f"the mixture counts in the tokenizer {mixture.tokenizer}, but the project has measured with "
                f"{file.project.measure.tokenizer}; set `measure: {{tokenizer: {mixture.tokenizer}}}` in datamix.yaml "
                "and call `datamix run` (only tokens are measured anew)",
                file=spec,
            )
    return pins


def _require_selections(file: ProjectFile, mixture: Mixture, spec: Path) -> None:
    """Refuse a component of a source or domain that the project does not have: it would have no documents."""
    sources = file.project.sources
    known = {"source": {s.name for s in sources}, "domain": {s.domain_name for s in sources}}
    for name, component in mixture.components.items():
        for kind, wanted in (("source", component.source), ("domain", component.domain)):
            if wanted is not None and wanted not in known[kind]:
                raise SpecError(
                    f"component {name!r} wants the {kind} {wanted!r}, which datamix.yaml does not have"
                    f"{nearest(wanted, known[kind])}; there are: {', '.join(sorted(known[kind]))}",
                    file=spec,
                )


def _keep(store: Store, made: Plan, documents: Mapping[str, pa.Table], more: dict[str, Any]) -> None:
    name = plan_hash(made)
    folder = f"plans/{name}"
    table = uses(made, documents)
    hashes = pa.concat_tables([table.select(["doc_id", "text_hash"]) for table in documents.values()])
    found = pc.index_in(table["doc_id"], hashes["doc_id"].combine_chunks())
    table = table.append_column("text_hash", hashes["text_hash"].combine_chunks().take(found))
    table = table.append_column("plan", pa.repeat(pa.scalar(name), table.num_rows).dictionary_encode())
    part = write_part(store.folder, f"{folder}/uses.parquet", table)
    _write_plan(store.folder / folder, made)
    store.journal.write(
        "plans",
        name,
        {
            "plan": name,
            "spec": made.mixture.model_dump(mode="json", exclude_none=True),
            "spec_hash": spec_hash(made.mixture),
            "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
            "sequence_length": made.sequence_length,
            "seed": made.mixture.seed,
            "pins": dict(made.pins),
            "path": folder,
            "uses": part.path,
            "uses_hash": part.hash,
            **more,
        },
    )


def _write_plan(folder: Path, made: Plan) -> None:
    with atomic(folder / FILE_NAME) as temporary:
        temporary.write_text(to_json(made), encoding="utf-8")
