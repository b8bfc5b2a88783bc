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
    dimensions=4, epochs=5, learning_rate=0.05, word_ngrams=2, shortest_characters=4, longest_characters=6,
    min_count=5, buckets=450_000, max_bytes=MAX_BYTES,
)  # fmt: skip
QUALITY_THRESHOLD = 0.6
TOXICITY_THRESHOLD = 0.5
LICENSE = (
    "Trained on texts under several licences, some of them for non-commercial use and some unstated; the model holds "
    "weights of hashed words and no text."
)
CHOSE_SETTINGS = ("davidson", "wikitalk_cat", "olid")
QUALITY_NOTES = [
    "Agreement with people's judgement of web pages is not measured: none of the data holds such judgements. The rank "
    "correlation with the source (Stack Exchange, below pages of Common Crawl and C4, below papers and patents) is a "
    "weak stand-in: subject and format differ between those sources as much as editing does.",
    "The test part holds no text twice, but several texts cut from one document, which the interval takes as "
    "independent; it is therefore somewhat too narrow.",
]
TOXICITY_NOTES = [
    "For comments from elsewhere read the areas of the sets left out, not that of the test part: there each set's "
    "style is known, and about a quarter is clean text that is no comment. The kinds of training text and the settings "
    f"were chosen by the mean of {', '.join(CHOSE_SETTINGS)}, each left out (0.796 before that), so these three "
    "flatter the model a little.",
    "The aim of 0.85 is not met on every set.",
    "Of hatemoji and civil_toxicspans only the toxic ones train: the others were chosen because models or readers took "
    "them for toxic, and a model of words can't tell them. With those of hatemoji the mean was 0.02 lower.",
    "toxigen_prompts: not in training, but used while choosing settings, and the sentences of groups.py resemble it "
    "(23 prompts share over a fifth of their four-word runs), so it is no unseen set. Its area without groups.py is in "
    "the table.",
    "The test part holds no text twice and none of the written sentences, which train only.",
    "Tried, for 0.005 or less of that mean: 2 dimensions with 700,000 buckets; words seen twice; character n-grams "
    "from 3; no word bigrams; 8 epochs; only comments on which all annotators agree; repeating the rarer label; fewer "
    "or more profanities in context; more insults; fewer sentences on groups.",
]
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


def finish(
    card: ModelCard, model: Path, threshold: float, reason: str, measured: list[Measurement], notes: list[str]
) -> None:
    """Write the card again with what was measured."""
    update = {"threshold": threshold, "threshold_reason": reason, "measurements": measured, "notes": notes}
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
    measured.append(_edited(folder, model))
    finish(card, model, QUALITY_THRESHOLD, reason, measured, QUALITY_NOTES)


def _edited(folder: Path, model: Path) -> Measurement:
    """Return the rank correlation of quality with how much editing the sources of some pages usually get."""
    frame = pl.read_parquet(folder / "quality/cc_pile_samples.parquet")
    source = pl.col("source")
    ranked = frame.with_columns(
        quality=pl.Series(scores(model, "good", frame["text"])),
        edited=pl.when(source.str.contains("stack"))
        .then(0)
        .when(source.str.contains("-cc-|cc_en|c4"))
        .then(1)
        .when(source.str.contains("nih|uspto|arxiv"))
        .then(2),
    ).drop_nulls("edited")
    value = ranked.select(pl.corr("quality", "edited", method="spearman")).item()
    what = "Spearman's rank correlation with how edited the source is (cc_pile_samples)"
    return Measurement(what=what, value=round(value, 4), documents=len(ranked))


def build_toxicity(folder: Path) -> None:
    """Train `toxicity-en.ftz`, after models that each leave out a set of comments."""
    model = MODELS / "toxicity-en.ftz"
    with tempfile.TemporaryDirectory() as temporary:
        measured = list(_left_out(folder, Path(temporary)))
        ungrouped = _prompts(folder, _without("groups.py", folder, Path(temporary)), "without groups.py")
    measured += [
        _mean("all of each set left out", [_all_of(name) for name in SETS], measured),
        _mean("the same of the sets that chose the settings", [_all_of(name) for name in CHOSE_SETTINGS], measured),
        _mean("toxic ones of each set left out", [_toxic_of(name) for name in SETS], measured),
    ]
    texts = toxicity_texts(folder)
    card = train("toxicity", texts.labelled(), texts.files(), model, parameters=TOXICITY, positive="toxic",
                 data_license=LICENSE, stage=say)  # fmt: skip
    measured += [_prompts(folder, model, "not in training, but used while choosing settings"), ungrouped]
    genres = pl.read_parquet(folder / "corpus/web_genres_ewt_webtext.parquet").filter(pl.col("label") != "overheard")
    share = round(float((scores(model, "toxic", genres["text"]) >= TOXICITY_THRESHOLD).mean()), 4)
    what = f"share at or above {TOXICITY_THRESHOLD}: web_genres_ewt_webtext without its coarse talk (overheard)"
    measured.append(Measurement(what=what, value=share, documents=len(genres)))
    unseen = [folder / "neardup/onestop_paraphrase_levels.parquet", folder / "evals/benchmarks.parquet"]
    measured += above(model, "toxic", TOXICITY_THRESHOLD, unseen, ", not in training")
    measured += above(model, "toxic", TOXICITY_THRESHOLD, corpus_files(folder))
    reason = "False alarms stay rare on text that is no comment: see the shares below."
    finish(card, model, TOXICITY_THRESHOLD, reason, measured, TOXICITY_NOTES)


def _left_out(folder: Path, temporary: Path) -> Iterator[Measurement]:
    """Yield, for each set, how a model that never saw it ranks it: as labelled, and against ordinary comments.

    For the second measurement the set of the ordinary comments, wiki talk, is left out as well. The negatives of
    civil_toxicspans and hatemoji were chosen because readers or models took them for toxic; those of wiki talk not.
    """
    ordinary = pl.read_parquet(folder / "toxicity/wikitalk_cat.parquet").filter(pl.col("toxic") == 0)["text"].head(2000)
    for name in SETS:
        frame = pl.read_parquet(folder / f"toxicity/{name}.parquet")
        score = scores(_without(name, folder, temporary), "toxic", frame["text"])
        yield area(_all_of(name), frame["toxic"] == 1, score)
        model = _without(f"{name} wikitalk_cat", folder, temporary)
        toxic = scores(model, "toxic", frame.filter(pl.col("toxic") == 1)["text"])
        both = np.append(toxic, scores(model, "toxic", ordinary))
        truth = pl.Series(np.arange(len(both)) < len(toxic))
        yield area(_toxic_of(name), truth, both)


def _without(left_out: str, folder: Path, temporary: Path) -> Path:
    """Return a model trained without some sets, or without the sentences of groups.py; names between blanks."""
    sets = [name for name in SETS if name not in left_out.split()]
    groups = left_out != "groups.py"
    model = temporary / f"{'-'.join(sets)}-{groups}.ftz"
    if not model.exists():
        say(f"without {left_out}")
        texts = toxicity_texts(folder, sets, groups=groups)
        train(model.stem, texts.labelled(), [], model, parameters=TOXICITY, positive="toxic")
    return model


def _prompts(folder: Path, model: Path, note: str) -> Measurement:
    frame = pl.read_parquet(folder / "toxicity/toxigen_prompts.parquet")
    return area(f"toxigen_prompts, {note}", frame["toxic"] == 1, scores(model, "toxic", frame["text"]))


def _all_of(name: str) -> str:
    return f"all of {name}, left out of training"


def _toxic_of(name: str) -> str:
    return f"toxic ones of {name} against ordinary wiki talk, both left out"


def _mean(what: str, names: list[str], measured: list[Measurement]) -> Measurement:
    """Return the mean of the named areas."""
    areas = [m for m in measured if m.what.removeprefix("AUC: ") in names]
    value = round(float(np.mean([m.value for m in areas])), 4)
    return Measurement(what=f"mean AUC: {what}", value=value, documents=sum(m.documents for m in areas))


def say(stage: str) -> None:
    """Name a stage on stderr."""
    sys.stderr.write(f"{stage}\n")


if __name__ == "__main__":
    which = sys.argv[2:] or ["quality", "toxicity"]
    for name, build in (("quality", build_quality), ("toxicity", build_toxicity)):
        if name in which:
            build(Path(sys.argv[1]))
