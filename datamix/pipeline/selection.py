"""The documents of a mixture's components, as the catalog has them, and the pins that tell whether they are others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from datamix.catalog.publish import quote
from datamix.catalog.query import query
from datamix.document import ID
from datamix.errors import SpecError
from datamix.filters.tree import kind_of
from datamix.mixtures.components import component_condition
from datamix.pipeline.publication import State
from datamix.spec.mixture import Mixture
from datamix.spec.units import format_count
from datamix.storage.store import Store


def selections(store: Store, mixture: Mixture, spec: Path) -> dict[str, str]:
    """Return the SQL condition of each component.

    Raises:
        SpecError: a component asks for a column that is not there; names the spec.
    """
    schema = query(store.catalog_file, "SELECT * FROM documents LIMIT 0").schema
    columns = {field.name: kind_of(field.type) for field in schema}
    result = {}
    for name, component in mixture.components.items():
        try:
            result[name] = component_condition(name, component, columns)
        except SpecError as error:
            raise SpecError(error.message, file=spec) from None
    return result


def selected(store: Store, condition: str) -> pa.Table:
    """Return the documents of a component: doc_id, tokens, text_hash, source, shard, shard_row."""
    table = query(
        store.catalog_file,
        "SELECT unhex(doc_id) AS doc_id, tokens, unhex(text_hash) AS text_hash, source, shard, shard_row "
        f"FROM documents WHERE {condition} ORDER BY doc_id",
    )
    for i, column in ((0, "doc_id"), (2, "text_hash")):
        table = table.set_column(i, column, table[column].cast(pa.binary()).cast(ID))
    return table.combine_chunks()


def documents_hash(documents: pa.Table) -> str:
    """Return a hash of a component's documents: their ids, tokens and texts, in the order of ids."""
    digest = hashlib.blake2b(digest_size=16)
    for column in ("doc_id", "tokens", "text_hash"):
        for chunk in documents[column].chunks:
            digest.update(memoryview(pa.concat_arrays([chunk]).buffers()[1])[: len(chunk) * chunk.type.byte_width])
    return digest.hexdigest()


def document_pin(component: str) -> str:
    """Return the name of the pin that holds the hash of a component's documents."""
    return f"documents.{component}"


def state_pins(state: State) -> dict[str, str]:
    """Return what a plan rests on beside its spec and documents: hashes of the tokenizer, the rules, the models."""
    models = {model["name"]: model["sha256"] for model in state.models}
    tokenizer = models.pop("tokens")
    return {
        "tokenizer": tokenizer,
        "rules": state.rules,
        **{f"model.{name}": digest for name, digest in models.items()},
    }


def overlaps(store: Store, conditions: Mapping[str, str]) -> list[str]:
    """Return a warning for each set of components that share documents, the largest first."""
    members = ", ".join(f"CASE WHEN {condition} THEN {quote(name)} END" for name, condition in conditions.items())
    shared = query(
        store.catalog_file,
        f"SELECT [name FOR name IN [{members}] IF name IS NOT NULL] AS components, count(*) AS documents, "
        "sum(tokens)::BIGINT AS tokens FROM documents GROUP BY components HAVING len(components) > 1 "
        "ORDER BY documents DESC, components",
    ).to_pylist()
    warnings = []
    for row in shared:
        size, names = format_count(row["tokens"]), " and ".join(row["components"])
        warnings.append(
            f"{row['documents']:,} documents ({size} tokens) are in {names}: each draws them, so they repeat more "
            "often than its epochs say"
        )
    return warnings
