"""`datamix train`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, printable, progress, say, table

if TYPE_CHECKING:
    from datamix.training.parameters import Parameters


def train(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the score is called, like `quality`.")],
    data: Annotated[list[Path], typer.Option("--data", metavar="FILE...", help="Parquet, JSONL or CSV files.")],
    label_column: Annotated[str, typer.Option("--label-column", metavar="COLUMN", help="The column of labels.")],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help="The model's file, such as NAME.ftz.")],
    more_data: Annotated[list[Path] | None, typer.Argument(metavar="", hidden=True)] = None,
    text_column: Annotated[str, typer.Option("--text-column", metavar="COLUMN", help="The column of texts.")] = "text",
    positive: Annotated[
        str | None, typer.Option("--positive", metavar="LABEL", help="The label to score and to evaluate.")
    ] = None,
    character_ngrams: Annotated[
        str | None,
        typer.Option("--character-ngrams", metavar="MIN-MAX", help="For short or misspelt texts, such as 4-6."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the data.")] = 5,
    max_size: Annotated[str, typer.Option("--max-size", help="Bytes of the model's file, at most.")] = "2M",
    license_note: Annotated[
        str, typer.Option("--license", metavar="TEXT", help="Of the data, for the card.")
    ] = "not stated; the data's holds for the model",
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Train a small classifier from labelled texts, evaluate it, and write it with its card.

    It is evaluated on texts that have no near-duplicate among those that trained. The card beside the model
    (MODEL.card.json and .md) names data, sizes, parameters, versions, metrics and thresholds at chosen precision. The
    same data gives the same bytes.

    Examples:

    - `datamix train quality --data pages.jsonl --label-column grade --positive good --out filters/models/quality.ftz`
    - `datamix train toxicity --data a.parquet b.csv --label-column toxic --character-ngrams 4-6 --out tox.ftz`

    Then measure the score by `scores: {quality: {model: quality.ftz, label: good}}` in datamix.yaml.
    """
    from datamix.training.labelled import read_labelled
    from datamix.training.train import train as train_model

    _require_name(name)
    parameters = _parameters(character_ngrams, epochs, max_size)
    labelled, files = read_labelled([project / file for file in (*data, *(more_data or []))], text_column, label_column)
    model = project / out
    with progress() as view:
        card = train_model(
            name, labelled, files, model, parameters=parameters, positive=positive, data_license=license_note,
            stage=lambda stage: view.stage(stage, None),
        )  # fmt: skip
    if as_json:
        emit_json(card.model_dump())
        return
    say(f"{printable(str(model))}: {card.bytes:,} bytes, labels {printable(', '.join(card.labels))}")
    trained, tested = sum(card.split.train.values()), sum(card.split.test.values())
    say(f"trained on {trained:,} documents, evaluated on {tested:,} that share no near-duplicate with them")
    table(
        None,
        ["label", "AUC", "95% from", "to", "precision", "threshold", "recall"],
        [
            [result.label, result.auc, result.auc_low, result.auc_high, cut.precision, cut.threshold, cut.recall]
            for result in card.evaluation
            for cut in result.thresholds
        ],
    )
    if card.threshold is not None:
        say(f"threshold with the highest F1 for {printable(str(card.positive))}: {card.threshold}")
    say(f"card: {printable(str(model))}.card.json, and .card.md for people")


def _require_name(name: str) -> None:
    from datamix.errors import SpecError
    from datamix.spec.project import COLUMN_PATTERN

    if not re.fullmatch(COLUMN_PATTERN, name):
        raise SpecError(
            f"{name!r} can't be the name of a score, which is a column: up to 64 letters, digits and `_`, the first no "
            "digit"
        )


def _parameters(character_ngrams: str | None, epochs: int, max_size: str) -> Parameters:
    from pydantic import ValidationError

    from datamix.errors import SpecError
    from datamix.spec.units import parse_count
    from datamix.training.parameters import Parameters

    shortest, _, longest = (character_ngrams or "0-0").partition("-")
    try:
        return Parameters(
            epochs=epochs,
            max_bytes=parse_count(max_size),
            shortest_characters=int(shortest),
            longest_characters=int(longest or shortest),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "--character-ngrams"
        raise SpecError(f"{where}: {first['msg'].removeprefix('Value error, ')}; see `datamix train --help`") from error
    except ValueError as error:
        raise SpecError(
            f"--character-ngrams {character_ngrams} or --max-size {max_size} is not understood; write 4-6, and 2M"
        ) from error
