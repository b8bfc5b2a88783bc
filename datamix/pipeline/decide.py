"""Decisions: filters over what was measured, then keepers among what passes. No text is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from datamix.catalog.publish import quote
from datamix.dedup.bands import least_agreement
from datamix.dedup.edges import Edges
from datamix.dedup.exact import exact_groups
from datamix.dedup.jaccard import Rows
from datamix.dedup.keepers import EXACT, NEAR, Signed, elect, preference_rank
from datamix.document import ID
from datamix.filters.decide import Decider
from datamix.pipeline.duplicates import signatures_path
from datamix.pipeline.measure import single_chunk
from datamix.signals.signatures import signature_matrix
from datamix.spec.project import Dedup, Source
from datamix.storage.parts import Part, read_part, write_part
from datamix.storage.store import Store

EXACT_REASON, NEAR_REASON = "dedup.exact", "dedup.near"
_CODE_VERSION = 2


@dataclass(frozen=True)
class SourceCounts:
    """What became of the documents of one source, by first reason."""

    documents: int
    kept: int
    dropped: dict[str, int]
    bytes: int
    tokens: int
    tokens_kept: int


@dataclass(frozen=True)
class Counts:
    """What became of all documents that were measured."""

    by_source: dict[str, SourceCounts]
    clusters: int

    @property
    def documents(self) -> int:
        """Measured documents."""
        return sum(counts.documents for counts in self.by_source.values())

    @property
    def kept(self) -> int:
        """Documents without a reason to drop them."""
        return sum(counts.kept for counts in self.by_source.values())

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of all measured texts."""
        return sum(counts.bytes for counts in self.by_source.values())

    @property
    def tokens(self) -> int:
        """Tokens of all measured documents."""
        return sum(counts.tokens for counts in self.by_source.values())

    @property
    def tokens_kept(self) -> int:
        """Tokens of the kept documents."""
        return sum(counts.tokens_kept for counts in self.by_source.values())

    @property
    def dropped(self) -> dict[str, int]:
        """Dropped documents by first reason, most frequent first."""
        total: dict[str, int] = {}
        for counts in self.by_source.values():
            for reason, documents in counts.dropped.items():
                total[reason] = total.get(reason, 0) + documents
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def decision_definition(decider: Decider, dedup: Dedup, sources: Sequence[Source]) -> dict[str, object]:
    """Return all that determines the decisions beside the wide parts and the edges, as JSON."""
    return {
        "version": _CODE_VERSION,
        "filters": decider.definition(),
        "dedup": dedup.model_dump(mode="json"),
        "sources": {source.name: [source.priority, source.domain_name, source.license] for source in sources},
    }


def write_decisions(
    store: Store,
    decider: Decider,
    dedup: Dedup,
    sources: Sequence[Source],
    wide: Sequence[str],
    edges: str,
    path: str,
) -> Part:
    """Decide every document and write one row for each, in the order of the wide parts.

    Args:
        store: the store.
        decider: the filters as SQL.
        dedup: preference and eligibility.
        sources: for their priorities, domains and licences.
        wide: the wide parts.
        edges: the part with verified pairs; beside it lies that with signatures.
        path: of the part to write.
    """
    keys = _preference_columns(store, dedup, sources, wide)
    relation = _relation(store, sources, wide)
    with duckdb.connect() as connection:
        unordered = pl.DataFrame(connection.sql(decider.select(relation)).to_arrow_table())
    decided = keys.select("doc_id").join(unordered, on="doc_id", how="left", maintain_order="left")
    doc_ids = decided["doc_id"].to_arrow().cast(ID)
    passing = decided["reasons"].list.len() == 0
    election = elect(
        preference_rank(keys, dedup.prefer),
        passing.to_numpy() if dedup.keeper_among == "kept" else np.ones(len(doc_ids), np.bool_),
        _groups(keys, dedup),
        *_edges(store, edges, doc_ids, dedup),
    )
    exact = EXACT_REASON if dedup.exact else NEAR_REASON
    duplicate = pl.Series(election.duplicate).replace_strict(
        {EXACT: exact, NEAR: NEAR_REASON}, default=None, return_dtype=pl.String
    )
    reasons = decided.with_columns(duplicate.alias("duplicate")).select(
        pl.when(pl.col("duplicate").is_null())
        .then(pl.col("reasons"))
        .otherwise(pl.concat_list("reasons", pl.concat_list("duplicate")))
        .alias("reasons")
    )["reasons"]
    sizes = np.bincount(election.keeper, minlength=len(doc_ids))
    table = pa.table(
        {
            "doc_id": doc_ids,
            **{name: decided[name].to_arrow() for name in decider.masks},
            "reasons": reasons.to_arrow().cast(pa.list_(pa.string())),
            "cluster_id": doc_ids.take(pa.array(election.keeper)),
            "cluster_size": pa.array(sizes[election.keeper]),
            "is_keeper": pa.array(election.keeper == np.arange(len(doc_ids))),
            "kept": (reasons.list.len() == 0).to_arrow(),
        }
    )
    return write_part(store.folder, path, table)


def count_decisions(store: Store, wide: Sequence[str], decisions: str) -> Counts:
    """Count what became of the documents, by source and first reason."""
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"""
            SELECT w.source, d.reasons[1] AS reason, count(*), sum(w.bytes)::BIGINT, sum(w.tokens)::BIGINT
            FROM read_parquet({_list(store, wide)}) AS w
            JOIN read_parquet({_list(store, [decisions])}) AS d USING (doc_id)
            GROUP BY ALL ORDER BY ALL
            """
        ).fetchall()
        (clusters,) = connection.sql(
            f"SELECT count(*) FROM read_parquet({_list(store, [decisions])}) WHERE is_keeper AND cluster_size > 1"
        ).fetchall()[0]
    by_source: dict[str, SourceCounts] = {}
    for source in dict.fromkeys(row[0] for row in rows):
        own = [row[1:] for row in rows if row[0] == source]
        dropped = {reason: documents for reason, documents, _, _ in own if reason is not None}
        by_source[source] = SourceCounts(
            documents=sum(documents for _, documents, _, _ in own),
            kept=sum(documents for reason, documents, _, _ in own if reason is None),
            dropped=dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
            bytes=sum(size for _, _, size, _ in own),
            tokens=sum(tokens for *_, tokens in own),
            tokens_kept=sum(tokens for reason, *_, tokens in own if reason is None),
        )
    return Counts(by_source, clusters)


def _relation(store: Store, sources: Sequence[Source], wide: Sequence[str]) -> str:
    """Return SQL of the documents as filters see them: with the domain, and the license of the source where none is."""
    rows = ", ".join(
        f"({quote(s.name)}, {quote(s.domain_name)}, {'NULL' if s.license is None else quote(s.license)}::VARCHAR)"
        for s in sources
    )
    return (
        f"(SELECT w.* REPLACE (coalesce(w.license, s.license) AS license), s.domain "
        f"FROM read_parquet({_list(store, wide)}) AS w "
        f"JOIN (VALUES {rows}) AS s(source, domain, license) USING (source))"
    )


def _groups(keys: pl.DataFrame, dedup: Dedup) -> Rows:
    """Return a number for each text: equal texts count as one, unless nothing is to be deduplicated.

    With `exact: false` alone, equal texts are near-duplicates of Jaccard 1, and are called so.
    """
    if not dedup.exact and dedup.near is None:
        return np.arange(keys.height)
    return exact_groups(keys["text_hash"].to_arrow())


def _preference_columns(store: Store, dedup: Dedup, sources: Sequence[Source], wide: Sequence[str]) -> pl.DataFrame:
    """Return the columns that `preference_rank` needs, in the order of the wide parts."""
    known = pq.read_schema(store.folder / wide[0]).names
    names = dict.fromkeys(["doc_id", "text_hash", "source", *(p.column for p in dedup.prefer if p.column in known)])
    table = pa.concat_tables([read_part(store.folder, part, list(names)) for part in wide])
    keys = pl.DataFrame(table.set_column(0, "doc_id", table["doc_id"].cast(pa.binary())))
    priority = {source.name: source.priority for source in sources}
    return keys.with_columns(pl.col("source").replace_strict(priority, return_dtype=pl.Int64).alias("priority"))


def _edges(store: Store, path: str, doc_ids: pa.Array, dedup: Dedup) -> tuple[Edges, Signed]:
    """Return the near edges as numbers of documents, and the signatures that go with them."""
    if dedup.near is None:
        nothing = np.empty(0, np.int64)
        none = np.empty((0, 1), np.uint32)
        none.setflags(write=False)  # as those that are read: one compiled kernel
        edges = Edges(nothing, nothing, nothing.astype(np.float32), nothing.astype(np.bool_))
        return edges, Signed(nothing, none, 0)
    frame = pl.DataFrame(read_part(store.folder, path).cast(_BINARY_IDS)).filter(pl.col("kind") == "near")
    signed = read_part(store.folder, signatures_path(path))
    number = pl.DataFrame({"doc_id": doc_ids.cast(pa.binary())}).with_row_index("number")
    a, b, rows = (
        ids.to_frame("doc_id")
        .join(number, on="doc_id", how="left", maintain_order="left")["number"]
        .to_numpy()
        .astype(np.int64)
        for ids in (frame["a"], frame["b"], pl.Series(signed["doc_id"].cast(pa.binary())))
    )
    accept_from = least_agreement(dedup.near.threshold, dedup.near.permutations)
    return (
        Edges(a, b, frame["jaccard"].to_numpy(), (frame["verified"] == "text").to_numpy()),
        Signed(rows, signature_matrix(single_chunk(signed["signature"])), accept_from),
    )


_BINARY_IDS = pa.schema(
    [
        pa.field("a", pa.binary()),
        pa.field("b", pa.binary()),
        pa.field("kind", pa.string()),
        pa.field("jaccard", pa.float32()),
        pa.field("verified", pa.string()),
    ]
)


def _list(store: Store, paths: Sequence[str]) -> str:
    return "[" + ", ".join(quote(str(store.folder / path)) for path in paths) + "]"
