"""Builds the two shipped models, and measures them on data that did not train them.

    python filters/models/build.py DATA_FOLDER [quality|toxicity]

DATA_FOLDER holds `corpus/`, `quality/` and `toxicity/` as Parquet. The same data and versions give the same bytes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from quality_texts import HELD_OUT, quality_texts
from toxicity_texts import SETS, toxicity_texts

from datamix.signals.fasttext_model import load_scorer, model_hash
from datamix.training.card import Measurement, ModelCard, write_card
from datamix.training.evaluate import auc_interval
from datamix.training.parameters import Parameters
from datamix.training.train import train

MODELS = Path(__file__).parent
MAX_BYTES = 1_990_000
QUALITY = Parameters(
    dimensions=8, epochs=4, learning_rate=0.08, word_ngrams=2, min_count=5, buckets=250_000, max_bytes=MAX_BYTES
)
TOXICITY = Parameters(
    dimensions=4, epochs=3, learning_rate=0.05, word_ngrams=2, shortest_characters=4, longest_characters=6,
    min_count=5, buckets=450_000, max_bytes=MAX_BYTES,
)  # fmt: skip
QUALITY_THRESHOLD = 0.6
TOXICITY_THRESHOLD = 0.5
LICENSE = (
    "Trained on texts under several licences, some of them for non-commercial use and some unstated; the model holds "
    "weights of hashed words and no text."
)
Scores = np.ndarray[tuple[int], np.dtype[np.float32]]


def scores(model: Path, label: str, texts: pl.Series) -> Scores:
    """Return float32 [texts], the probability of `label`."""
    scorer = load_scorer(model, model_hash(model))
    table = scorer.probabilities(pa.array(texts.to_list(), pa.large_string()))
    return np.nan_to_num(table[:, scorer.column(label, model)])


def area(what: str, truth: pl.Series, score: Scores) -> Measurement:
    """Return the area under the curve as a measurement."""
    return Measurement(
        what=f"AUC: {what}", value=round(auc_interval(truth.to_numpy(), score)[0], 4), documents=len(score)
    )


def corpus_files(folder: Path) -> list[Path]:
    """Return the files whose texts are told apart in the cards."""
    return [*sorted(folder.glob("corpus/*.parquet")), folder / "quality/textbook_openstax.parquet"]


def above(model: Path, label: str, threshold: float, files: list[Path], note: str = "") -> Iterator[Measurement]:
    """Yield, for each file, the share of documents at or above the threshold."""
    for file in files:
        frame = pl.read_parquet(file)
        share = round(float((scores(model, label, frame["text"]) >= threshold).mean()), 4)
        yield Measurement(what=f"share at or above {threshold}: {file.stem}{note}", value=share, documents=len(frame))


def finish(card: ModelCard, model: Path, threshold: float, reason: str, measured: list[Measurement]) -> None:
    """Write the card again with what was measured."""
    update = {"threshold": threshold, "threshold_reason": reason, "measurements": measured}
    write_card(card.model_copy(update=update), model)


def build_quality(folder: Path) -> None:
    """Train `quality-en.ftz`."""
    model = MODELS / "quality-en.ftz"
    texts = quality_texts(folder)
    card = train("quality", texts.labelled(), texts.files(), model, parameters=QUALITY, positive="good",
                 data_license=LICENSE, stage=say)  # fmt: skip
    held_out = pl.read_parquet(folder / f"{HELD_OUT}.parquet")
    score = scores(model, "good", held_out["text"])
    measured = [area("main text against boilerplate (main_vs_boilerplate)", held_out["label"] == "main_content", score)]
    for label in ("main_content", "boilerplate"):
        part = score[(held_out["label"] == label).to_numpy()]
        share = round(float((part >= QUALITY_THRESHOLD).mean()), 4)
        measured.append(
            Measurement(what=f"share at or above {QUALITY_THRESHOLD}: {label}", value=share, documents=len(part))
        )
    measured += above(model, "good", QUALITY_THRESHOLD, corpus_files(folder))
    reason = "Keeps most main text of web pages and nearly no boilerplate: see the shares below."
    finish(card, model, QUALITY_THRESHOLD, reason, measured)


def build_toxicity(folder: Path) -> None:
    """Train `toxicity-en.ftz`, after models that each leave out a set of comments."""
    model = MODELS / "toxicity-en.ftz"
    measured = list(_left_out(folder))
    for kind in ("all of", "toxic ones of"):
        areas = [m for m in measured if m.what.startswith(f"AUC: {kind}")]
        mean = round(float(np.mean([m.value for m in areas])), 4)
        documents = sum(m.documents for m in areas)
        measured.append(Measurement(what=f"mean AUC: {kind} each set left out", value=mean, documents=documents))
    texts = toxicity_texts(folder)
    card = train("toxicity", texts.labelled(), texts.files(), model, parameters=TOXICITY, positive="toxic",
                 data_license=LICENSE, stage=say)  # fmt: skip
    other = pl.read_parquet(folder / "toxicity/toxigen_prompts.parquet")
    score = scores(model, "toxic", other["text"])
    measured.append(area("toxigen_prompts, not in training", other["toxic"] == 1, score))
    unseen = [folder / "neardup/onestop_paraphrase_levels.parquet", folder / "evals/benchmarks.parquet"]
    measured += above(model, "toxic", TOXICITY_THRESHOLD, unseen, ", not in training")
    measured += above(model, "toxic", TOXICITY_THRESHOLD, corpus_files(folder))
    reason = "False alarms stay rare on text that is no comment: see the shares below."
    finish(card, model, TOXICITY_THRESHOLD, reason, measured)


def _left_out(folder: Path) -> Iterator[Measurement]:
    """Yield, for each set, how a model that never saw it ranks it: as labelled, and against ordinary comments.

    For the second measurement the set of the ordinary comments, wiki talk, is left out as well. The negatives of
    civil_toxicspans and hatemoji were chosen because readers or models took them for toxic; those of wiki talk not.
    """
    ordinary = pl.read_parquet(folder / "toxicity/wikitalk_cat.parquet").filter(pl.col("toxic") == 0)["text"].head(2000)
    with tempfile.TemporaryDirectory() as temporary:
        for name in SETS:
            say(f"without {name}")
            frame = pl.read_parquet(folder / f"toxicity/{name}.parquet")
            score = scores(_without([name], folder, Path(temporary)), "toxic", frame["text"])
            yield area(f"all of {name}, left out of training", frame["toxic"] == 1, score)
            model = _without(sorted({name, "wikitalk_cat"}), folder, Path(temporary))
            toxic = scores(model, "toxic", frame.filter(pl.col("toxic") == 1)["text"])
            both = np.append(toxic, scores(model, "toxic", ordinary))
            truth = pl.Series(np.arange(len(both)) < len(toxic))
            yield area(f"toxic ones of {name} against ordinary wiki talk, both left out", truth, both)


def _without(left_out: list[str], folder: Path, temporary: Path) -> Path:
    """Return a model trained without some sets."""
    model = temporary / f"without-{'-'.join(left_out)}.ftz"
    if not model.exists():
        texts = toxicity_texts(folder, [name for name in SETS if name not in left_out])
        train(model.stem, texts.labelled(), [], model, parameters=TOXICITY, positive="toxic")
    return model


def say(stage: str) -> None:
    """Name a stage on stderr."""
    sys.stderr.write(f"{stage}\n")


if __name__ == "__main__":
    which = sys.argv[2:] or ["quality", "toxicity"]
    for name, build in (("quality", build_quality), ("toxicity", build_toxicity)):
        if name in which:
            build(Path(sys.argv[1]))
