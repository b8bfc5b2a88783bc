"""The card beside a model: what it was made of, how well it does, and where to cut."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from datamix.signals.fasttext_model import card_path
from datamix.storage.files import atomic
from datamix.training.parameters import Parameters


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFile(_Part):
    """One file of labelled texts: its name, size and SHA-256, and the documents taken from it by label."""

    file: str
    bytes: int
    sha256: str
    documents: int
    unusable: int
    labels: dict[str, int]


class Split(_Part):
    """Documents of the training and the test part, and the clusters of near-duplicates that went whole to either."""

    train: dict[str, int]
    test: dict[str, int]
    clusters: int


class CalibrationBin(_Part):
    """Documents with scores in [low, high): their mean score, and the share that has the label; None where empty."""

    low: float
    high: float
    documents: int
    mean_score: float | None
    share: float | None


class PrecisionThreshold(_Part):
    """The lowest threshold that gives at least this precision, and the recall there; None where none does."""

    precision: float
    threshold: float | None
    recall: float | None


class Evaluation(_Part):
    """How one label is told from the rest on the test part; `auc` with its 95% interval."""

    label: str
    positives: int
    negatives: int
    auc: float
    auc_low: float
    auc_high: float
    calibration: list[CalibrationBin]
    thresholds: list[PrecisionThreshold]


class Measurement(_Part):
    """One number measured on other data than the card's: what it says, its value, and on how many documents."""

    what: str
    value: float
    documents: int


class ModelCard(_Part):
    """All that is known of a model.

    Args:
        name: what the score is called.
        model: name of the model's file, which lies beside the card.
        sha256: of that file.
        bytes: size of that file.
        labels: without `__label__`, sorted.
        positive: the label that is scored; None where each of several labels may be.
        normalise: what scoring does to a text first.
        threshold: where to cut the score of `positive`, and `threshold_reason` says why there.
        license: of the data, and so what may be done with the model.
        data: the files of labelled texts.
        split: sizes of the parts.
        parameters: of the training.
        versions: of what trained it.
        evaluation: on the test part, by label.
        measurements: on other data.
        notes: what a reader of the numbers has to know; a sentence or two each.
    """

    name: str
    model: str
    sha256: str
    bytes: int
    labels: list[str]
    positive: str | None
    normalise: Literal["lower"]
    threshold: float | None
    threshold_reason: str
    license: str
    data: list[DataFile]
    split: Split
    parameters: Parameters
    versions: dict[str, str]
    evaluation: list[Evaluation]
    measurements: list[Measurement] = []
    notes: list[str] = []


def write_card(card: ModelCard, model: Path) -> Path:
    """Write the card of the model at `model` as JSON beside it, and as Markdown for people; return the JSON's path."""
    path = card_path(model)
    for target, text in ((path, card.model_dump_json(indent=2) + "\n"), (path.with_suffix(".md"), as_markdown(card))):
        with atomic(target) as temporary:
            temporary.write_text(text, "utf-8")
    return path


def as_markdown(card: ModelCard) -> str:
    """Return the card for people."""
    lines = [f"# {card.name}", ""]
    lines += [
        f"`{card.model}`: a fastText classifier with the labels {', '.join(f'`{label}`' for label in card.labels)}; "
        f"{card.bytes:,} bytes, SHA-256 `{card.sha256}`. Texts are lower-cased before they are scored.",
        "",
    ]
    if card.threshold is not None:
        lines += [f"**Threshold** for `{card.positive}`: {card.threshold}. {card.threshold_reason}", ""]
    lines += [f"**Licence**: {card.license}", "", "## Evaluation", ""]
    train, test = sum(card.split.train.values()), sum(card.split.test.values())
    lines += [
        f"On a test part of {test:,} documents that shares no near-duplicate with the {train:,} that trained.",
        "",
        "| label | with | without | AUC | 95% interval |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {e.label} | {e.positives:,} | {e.negatives:,} | {e.auc:.3f} | {e.auc_low:.3f} - {e.auc_high:.3f} |"
        for e in card.evaluation
    ]
    for evaluation in card.evaluation:
        lines += _evaluation_tables(evaluation)
    if card.measurements:
        lines += ["", "## On other data", "", "| what | value | documents |", "|---|---|---|"]
        lines += [f"| {m.what} | {m.value:.3f} | {m.documents:,} |" for m in card.measurements]
    if card.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in card.notes)]
    lines += ["", "## Data", "", "| file | documents | by label | SHA-256 |", "|---|---|---|---|"]
    lines += [f"| {d.file} | {d.documents:,} | {_counts(d.labels)} | `{d.sha256[:16]}` |" for d in card.data]
    lines += ["", "## Training", "", "| parameter | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in card.parameters.model_dump().items()]
    lines += ["", "Versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items()) + "."]
    return "\n".join(lines) + "\n"


def _evaluation_tables(evaluation: Evaluation) -> list[str]:
    lines = ["", f"Thresholds for `{evaluation.label}`:", "", "| precision | threshold | recall |", "|---|---|---|"]
    for cut in evaluation.thresholds:
        lines.append(f"| {cut.precision} | {_number(cut.threshold)} | {_number(cut.recall)} |")
    lines += ["", f"Calibration for `{evaluation.label}`:", ""]
    lines += ["| score | documents | mean score | share with the label |", "|---|---|---|---|"]
    for part in evaluation.calibration:
        span = f"{part.low:.1f} - {part.high:.1f}"
        lines.append(f"| {span} | {part.documents:,} | {_number(part.mean_score)} | {_number(part.share)} |")
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _counts(labels: dict[str, int]) -> str:
    return ", ".join(f"{label} {count:,}" for label, count in labels.items())
