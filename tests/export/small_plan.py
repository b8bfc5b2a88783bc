"""A small plan made by hand, token by token: what the exporter is compared with."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from datamix.export.emission import Emission, PlanTokenizer
from datamix.export.uses import USES
from datamix.signals.tokenizers import BytesTokenizer, Tokenizer
from datamix.storage.token_cache import TokenCache, TokenCacheWriter


@dataclass(frozen=True)
class SmallPlan:
    sequence_length: int
    components: tuple[str, ...]
    drawn: tuple[int, ...]

    @property
    def sequences(self) -> int:
        return len(self.drawn)

    def order(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        return np.array(self.drawn[start:stop], np.uint16)


@dataclass(frozen=True)
class World:
    """A store with caches of real tokens, a plan over them, and each component's token line."""

    store: Path
    tokenizer: Tokenizer
    texts: dict[bytes, str]
    plan: SmallPlan
    phases: list[tuple[str, int, int]]
    uses: list[dict[str, Any]]
    lines: dict[str, list[int]]

    def emission(self, folder: Path, format_: str = "parquet", shard_bytes: int = 700) -> Emission:
        tokenizer = self.tokenizer if format_ == "parquet" else BytesTokenizer()
        return Emission(
            folder=folder,
            format=format_,
            plan_hash="cafe",
            tokenizer=PlanTokenizer(self.tokenizer.name, self.tokenizer.hash, self.tokenizer.dtype.name),
            uses=self.store / "uses.parquet",
            caches=functools.partial(open_cache, self.store, tokenizer.hash),
            shard_bytes=shard_bytes,
        )

    def write_uses(self, **columns: list[Any]) -> None:
        table = pa.Table.from_pylist(self.uses, schema=USES)
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values))
        pq.write_table(table, self.store / "uses.parquet", row_group_size=7, write_page_checksum=True)


def open_cache(store: Path, tokenizer_hash: str, source: str, shard: str) -> TokenCache:
    return TokenCache.open(store / tokenizer_hash[:16] / source / f"{shard}.tok", tokenizer_hash)


def serially(task: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """An engine whose tasks are sent as bytes, as to workers, and end in an order of their own."""
    for i in reversed(range(len(items))):
        sent_task, item = pickle.loads(pickle.dumps((task, items[i])))  # noqa: S301
        yield i, sent_task(item)


def make_world(
    store: Path,
    tokenizer: Tokenizer,
    sources: dict[str, list[str]],
    phases: dict[str, dict[str, int]],
    sequence_length: int = 32,
    seed: int = 5,
) -> World:
    """Lay each source's documents out as one component and draw from it as `phases` says, in sequences."""
    rng = np.random.default_rng(seed)
    documents: dict[str, list[dict[str, Any]]] = {}
    texts: dict[bytes, str] = {}
    for source, contents in sources.items():
        documents[source] = []
        for number, start in enumerate(range(0, len(contents), 3)):
            shard = f"part-{number}"
            column = pa.array(contents[start : start + 3], pa.large_string())
            for one in {tokenizer.hash: tokenizer, "bytes": BytesTokenizer()}.values():
                path = f"{one.hash[:16]}/{source}/{shard}.tok"
                with TokenCacheWriter(store, path, one.hash, one.dtype) as writer:
                    writer.append(*one.encode(column))
            for row, text in enumerate(column.to_pylist()):
                ids = tokenizer.encode(pa.array([text], pa.large_string()))[0].tolist()
                doc_id = rng.bytes(16)
                texts[doc_id] = text
                documents[source].append(
                    {"doc_id": doc_id, "source": source, "shard": shard, "shard_row": row, "ids": ids}
                )

    components = tuple(sources)
    drawn: list[int] = []
    spans = []
    for phase, weights in phases.items():
        block = np.repeat(np.arange(len(components)), [weights.get(c, 0) for c in components])
        spans.append((phase, len(drawn), len(drawn) + len(block)))
        drawn += rng.permutation(block).tolist()
    plan = SmallPlan(sequence_length, components, tuple(drawn))

    uses, lines = [], {}
    for number, component in enumerate(components):
        sequences = [s for s, c in enumerate(drawn) if c == number]
        uses += _draw(component, documents[component], sequences, spans, sequence_length, rng)
        by_id = {d["doc_id"]: d["ids"] for d in documents[component]}
        lines[component] = [
            token
            for use in uses
            if use["component"] == component
            for token in by_id[use["doc_id"]][use["doc_offset"] : use["doc_offset"] + use["tokens"]]
        ]
    world = World(store, tokenizer, texts, plan, spans, uses, lines)
    world.write_uses()
    return world


def _draw(
    component: str,
    documents: list[dict[str, Any]],
    sequences: list[int],
    spans: list[tuple[str, int, int]],
    length: int,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """Walk along the endlessly repeated line; a use ends with its document or with its phase."""
    epoch, queue, offset, line = -1, [], 0, 0
    for phase, start, end in spans:
        left = length * sum(start <= s < end for s in sequences)
        while left:
            if not queue:
                epoch += 1
                queue = [documents[i] for i in rng.permutation(len(documents)) if documents[i]["ids"]]
            document = queue[0]
            tokens = min(left, len(document["ids"]) - offset)
            yield {
                "component": component,
                "phase": phase,
                "epoch": epoch,
                **{name: document[name] for name in ("doc_id", "source", "shard", "shard_row")},
                "doc_offset": offset,
                "tokens": tokens,
                "line_start": line,
                "first_sequence": sequences[line // length],
                "last_sequence": sequences[(line + tokens - 1) // length],
            }
            left, line, offset = left - tokens, line + tokens, offset + tokens
            if offset == len(document["ids"]):
                queue, offset = queue[1:], 0
