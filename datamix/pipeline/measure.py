"""The measure task: one shard's text is read once, and every family that lacks it is measured in that pass."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from datamix.document import ID, base_ids, document_schema, sample_mask
from datamix.pipeline.commits import Measured
from datamix.signals.family import Family
from datamix.signals.scores import ScoreFamily, measure_scores
from datamix.signals.tokenizers import load_tokenizer
from datamix.signals.tokens import TokensFamily
from datamix.spec.project import Source
from datamix.storage.parts import PartWriter, read_part
from datamix.storage.reader import ShardReader
from datamix.storage.shards import Shard
from datamix.storage.token_cache import TokenCacheWriter

DOCUMENTS = "documents"
QUARANTINE = "quarantine"

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("offset", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("documents", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Wanted:
    """A part that a task is to write.

    Args:
        name: the family's name, or DOCUMENTS or QUARANTINE, which come from the reader.
        definition: the fingerprint of what is measured and how.
        path: of the part, relative to the store.
        family: what measures it; None for what comes from the reader.
        reuse: the part of a smaller sample whose rows are taken over instead of being measured again.
        token_cache: where the token ids go, for a tokenizer whose counts need them.
    """

    name: str
    definition: str
    path: str
    family: Family | None = None
    reuse: str | None = None
    token_cache: str | None = None


@dataclass(frozen=True)
class MeasureTask:
    """All that a worker needs to measure one shard."""

    root: Path
    store: Path
    source: Source
    shard: Shard
    wanted: tuple[Wanted, ...]
    sample: Fraction | None = None


@dataclass
class MeasureResult:
    """What a worker says when the parts of a shard are written."""

    parts: list[Measured] = field(default_factory=list)
    documents: int = 0
    quarantined: int = 0
    bytes: int = 0
    unparsed_created: int = 0
    content_hash: str | None = None
    reading_seconds: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


def measure_shard(task: MeasureTask) -> MeasureResult:
    """Read a shard, measure what is wanted, and write one part for each; nothing counts before it is committed."""
    result = MeasureResult()
    clock = time.perf_counter
    with ExitStack() as stack:
        outputs = [stack.enter_context(_Output(task, wanted)) for wanted in task.wanted]
        reader = ShardReader(task.shard, task.source, task.root)
        batches = iter(reader)
        while True:
            started = clock()
            batch = next(batches, None)
            if batch is None:
                break
            ids = base_ids(task.source.name, batch.documents)
            documents = pa.Table.from_batches([batch.documents]).append_column(pa.field("base_id", ID), ids)
            if task.sample is not None:
                documents = documents.filter(pa.array(sample_mask(ids, task.sample)))
            documents = documents.combine_chunks()
            quarantined = pa.Table.from_pylist([vars(entry) for entry in batch.quarantined], schema=QUARANTINE_SCHEMA)
            result.reading_seconds += clock() - started
            result.documents += documents.num_rows
            result.quarantined += sum(entry.documents for entry in batch.quarantined)
            result.unparsed_created += batch.unparsed_created
            result.bytes += _text_bytes(documents)
            started = clock()
            shared = _measure_together(outputs, documents)
            together = (clock() - started) / max(1, len(shared))
            for output in outputs:
                started = clock()
                name = output.wanted.name
                output.write(documents, quarantined, shared.get(name))
                spent = clock() - started + (together if name in shared else 0.0)
                result.seconds[name] = result.seconds.get(name, 0.0) + spent
    result.content_hash = reader.content_hash
    sample = None if task.sample is None else str(task.sample)
    for output in outputs:
        wanted = output.wanted
        seconds = result.seconds.get(wanted.name, 0.0)
        result.parts.append(Measured(wanted.name, wanted.definition, output.writer.part, seconds, sample))
        if output.cache is not None and wanted.token_cache is not None:
            name = f"{wanted.name}-ids"
            result.parts.append(Measured(name, wanted.definition, output.cache.part, 0.0, sample))
    return result


def part_schema(source: Source, wanted: Wanted) -> pa.Schema:
    """Return the schema of the part that `wanted` describes."""
    if wanted.name == QUARANTINE:
        return QUARANTINE_SCHEMA
    if wanted.family is None:
        fields = [entry for entry in document_schema(source.columns) if entry.name != "text"]
        return pa.schema([*fields, pa.field("base_id", ID, nullable=False)])
    columns = [pa.field(column.name, column.type) for column in wanted.family.columns]
    return pa.schema([pa.field("row", pa.int64(), nullable=False), *columns])


class _Output:
    """Measures one family, batch by batch, into its part."""

    def __init__(self, task: MeasureTask, wanted: Wanted) -> None:
        self.wanted = wanted
        self.schema = part_schema(task.source, wanted)
        self.writer = PartWriter(task.store, wanted.path, self.schema)
        self.cache: TokenCacheWriter | None = None
        self._reused: pa.Table | None = None
        if wanted.reuse is not None:
            self._reused = read_part(task.store, wanted.reuse)
        if wanted.token_cache is not None and isinstance(wanted.family, TokensFamily):
            tokenizer = load_tokenizer(wanted.family.tokenizer, wanted.family.tokenizer_hash)
            self.cache = TokenCacheWriter(task.store, wanted.token_cache, tokenizer.hash, tokenizer.dtype)
        self._stack = ExitStack()

    def __enter__(self) -> _Output:
        self._stack.enter_context(self.writer)
        if self.cache is not None:
            self._stack.enter_context(self.cache)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    @property
    def shares_words(self) -> bool:
        """Whether it is a score that can be measured together with others, in one pass over the words."""
        return isinstance(self.wanted.family, ScoreFamily) and self._reused is None

    def write(self, documents: pa.Table, quarantined: pa.Table, measured: dict[str, pa.Array] | None) -> None:
        """Append what belongs to this part; `measured` holds its columns where they were measured with others."""
        if self.wanted.name == QUARANTINE:
            self.writer.write(quarantined)
        elif self.wanted.family is None:
            self.writer.write(documents.select(self.schema.names))
        elif measured is not None:
            self.writer.write(pa.Table.from_arrays([documents["row"], *measured.values()], schema=self.schema))
        elif documents.num_rows:
            for columns in self._with_reused(documents):
                self.writer.write(columns)

    def _with_reused(self, documents: pa.Table) -> Iterator[pa.Table]:
        """Yield the measured columns of `documents`; rows that the reused part holds are taken from it."""
        if self._reused is None:
            yield self._measure(documents)
            return
        rows = documents["row"].to_numpy()
        known = np.isin(rows, self._reused["row"].to_numpy(), assume_unique=True)
        taken = self._reused.filter(pa.array(np.isin(self._reused["row"].to_numpy(), rows, assume_unique=True)))
        fresh = self._measure(documents.filter(pa.array(~known)).combine_chunks())
        yield pa.concat_tables([fresh, taken.cast(self.schema)]).sort_by("row")

    def _measure(self, documents: pa.Table) -> pa.Table:
        family = self.wanted.family
        assert family is not None  # noqa: S101  (a part without family is written from the reader's columns)
        texts = single_chunk(documents["text"])
        if self.cache is not None and isinstance(family, TokensFamily):
            columns, ids, offsets = family.measure_and_encode(texts)
            self.cache.append(ids, offsets)
        else:
            columns = family.measure(texts)
        return pa.Table.from_arrays([documents["row"], *columns.values()], schema=self.schema)


def _measure_together(outputs: Sequence[_Output], documents: pa.Table) -> dict[str, dict[str, pa.Array]]:
    """Measure all scores in one pass over the words; return their columns by the name of the family."""
    sharing = [output.wanted.family for output in outputs if output.shares_words]
    families = [family for family in sharing if isinstance(family, ScoreFamily)]
    if not families or not documents.num_rows:
        return {}
    scores = measure_scores(families, single_chunk(documents["text"]))
    return {family.name: {family.score: scores[family.score]} for family in families}


def single_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else (pa.array([], column.type))
    )


def _text_bytes(documents: pa.Table) -> int:
    texts = single_chunk(documents["text"])
    if not len(texts):
        return 0
    offsets = np.frombuffer(texts.buffers()[1], np.int64)
    return int(offsets[texts.offset + len(texts)] - offsets[texts.offset])


def warm(families: Sequence[Family]) -> None:
    """Compile and load what the families need, on one small text, before tasks fan out."""
    texts = pa.array(["The first call compiles the kernels, and later ones load them."], pa.large_string())
    for family in families:
        family.measure(texts)
