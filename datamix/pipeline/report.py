"""What a run tells: how far it is, what each stage took, what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from datamix.pipeline.decide import EXACT_REASON, NEAR_REASON, Counts
from datamix.pipeline.inventory import ShardState
from datamix.pipeline.measure import QUARANTINE, MeasureResult
from datamix.storage.parts import read_part
from datamix.storage.store import Store


class Progress(Protocol):
    """Who is told how far a run is."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage of `total` steps begins."""

    def advance(self, steps: int = 1) -> None:
        """Steps of the stage ended."""


@dataclass
class Stage:
    """What one stage of a run took."""

    stage: str
    seconds: float = 0.0
    worker_seconds: float = 0.0
    items: int = 0
    documents: int = 0
    bytes: int = 0
    megabytes_per_second: float | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Summary:
    """What a run came to. `documents = kept + dropped + quarantined`.

    Args:
        run_id: of the run.
        counts: what became of the documents that could be read.
        quarantine: for each source of the project, how many could not be read, by reason, most frequent first.
        seconds: how long it took.
        shards_measured: how many shards were read.
        stages: what each stage took.
        sample: the share of the documents that was asked for, or None for all.
    """

    run_id: str
    counts: Counts
    quarantine: Mapping[str, Mapping[str, int]]
    seconds: float
    shards_measured: int
    stages: tuple[Stage, ...]
    sample: str | None

    @property
    def quarantined(self) -> int:
        """What could not be read, in documents."""
        return sum(sum(reasons.values()) for reasons in self.quarantine.values())

    def to_json(self) -> dict[str, Any]:
        """Return the object that `datamix run --json` prints."""
        dropped = self.counts.dropped
        return {
            "run_id": self.run_id,
            "documents": self.counts.documents + self.quarantined,
            "kept": self.counts.kept,
            "dropped": dropped,
            "quarantined": self.quarantined,
            "duplicates": {"exact": dropped.get(EXACT_REASON, 0), "near": dropped.get(NEAR_REASON, 0)},
            "bytes": self.counts.bytes,
            "tokens": self.counts.tokens,
            "seconds": round(self.seconds, 3),
            "shards_measured": self.shards_measured,
            "sample": self.sample,
        }


def quarantine_reasons(store: Store, sources: Iterable[str], states: Iterable[ShardState]) -> dict[str, dict[str, int]]:
    """Return what could not be read of each source, by reason, most frequent first."""
    counts: dict[str, dict[str, int]] = {source: {} for source in sources}
    for state in states:
        if not state.commits[QUARANTINE].quarantined:
            continue
        own = counts[state.source.name]
        for entry in read_part(store.folder, state.parts[QUARANTINE].part.path, ["reason", "documents"]).to_pylist():
            own[entry["reason"]] = own.get(entry["reason"], 0) + entry["documents"]
    return {
        source: dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
        for source, reasons in counts.items()
    }


class MeasureLog:
    """Adds up what the measure tasks of a run took, family by family."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._seconds: dict[str, float] = {}

    def add(self, result: MeasureResult) -> None:
        """Take note of one task."""
        stage = self._stage
        stage.items += 1
        stage.documents += result.documents
        stage.bytes += result.bytes
        for name, seconds in {"reading": result.reading_seconds, **result.seconds}.items():
            stage.worker_seconds += seconds
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def families(self) -> list[Stage]:
        """Return a stage for each family, dearest first: which signal costs how much of the workers' time."""
        whole = self._stage
        return [
            Stage(
                f"{whole.stage}.{name}",
                worker_seconds=round(seconds, 3),
                items=whole.items,
                documents=whole.documents,
                bytes=whole.bytes,
                megabytes_per_second=rate(whole.bytes, seconds),
                detail="of the workers' time in the stage measure",
            )
            for name, seconds in sorted(self._seconds.items(), key=lambda item: -item[1])
        ]


def rate(size: int, seconds: float) -> float | None:
    """Return megabytes a second, None where nothing was moved or no time passed."""
    return round(size / seconds / 1e6, 1) if size and seconds else None
