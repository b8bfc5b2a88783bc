"""From labelled texts to a model with its card."""

from __future__ import annotations

import importlib.metadata
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.errors import SpecError, nearest
from datamix.kernels.unicode import UNICODE_VERSION
from datamix.signals.fasttext_model import card_path, load_scorer, model_hash
from datamix.storage.files import atomic
from datamix.training.card import DataFile, ModelCard, Split, write_card
from datamix.training.evaluate import best_threshold, evaluate
from datamix.training.fit import fit
from datamix.training.labelled import Labelled, count_labels
from datamix.training.parameters import Parameters
from datamix.training.split import clusters, draw_test_part

_DISTRIBUTIONS = ("datamix-pipeline", "fasttext-wheel", "fasttext-community", "numpy")
_FEWEST = 2


def train(
    name: str,
    data: Labelled,
    files: Sequence[DataFile],
    out: Path,
    *,
    parameters: Parameters | None = None,
    positive: str | None = None,
    data_license: str = "not stated: that of the data holds for the model",
    stage: Callable[[str], None] = lambda _: None,
) -> ModelCard:
    """Train a classifier, evaluate it on texts without a near-duplicate among those that trained, and write both.

    Args:
        name: what the score will be called.
        data: the labelled texts.
        files: what the card says of where they come from.
        out: the model's file (`.ftz`); its card is written beside it.
        parameters: of the training; the defaults if None.
        positive: the label to evaluate and to cut at; None: of two labels that of `1`, `true` or `yes`, of more, all.
        data_license: for the card.
        stage: told of each stage as it begins.

    Returns:
        The card as written.

    Raises:
        SpecError: fewer than two labels, too few documents of one in either part, or an unknown positive label.
        ModelError: the training failed.
        StoreError: the model can't be written.
    """
    settings = parameters or Parameters()
    labels = sorted(set(data.labels))
    chosen = _positive(labels, positive)
    stage("near-duplicates")
    cluster = clusters(data.texts, data.origins)
    in_test = draw_test_part(data.texts, cluster, settings.test_share, settings.seed)
    if data.only_training is not None:
        in_test &= ~np.isin(cluster, cluster[np.array(data.only_training, np.bool_)])
    split, truth = _describe(data.labels, labels, cluster, in_test)

    stage("training")
    training = np.flatnonzero(~in_test)
    with tempfile.TemporaryDirectory(prefix="datamix-train-") as folder:
        model = Path(folder) / "model.ftz"
        fit(data.texts.take(pa.array(training)), [data.labels[i] for i in training.tolist()], settings, model)
        stage("evaluation")
        card_path(model).write_text('{"normalise": "lower"}')
        scorer = load_scorer(model, model_hash(model))
        scores = scorer.probabilities(data.texts.filter(pa.array(in_test)))
        with atomic(out) as temporary:
            temporary.write_bytes(model.read_bytes())
    scored = {label: np.nan_to_num(scores[:, scorer.column(label, out)]) for label in labels}
    threshold = None if chosen is None else best_threshold(truth == chosen, scored[chosen])
    card = ModelCard(
        name=name,
        model=out.name,
        sha256=model_hash(out),
        bytes=out.stat().st_size,
        labels=labels,
        positive=chosen,
        normalise="lower",
        threshold=threshold,
        threshold_reason="" if chosen is None else "The highest F1 on the test part.",
        license=data_license,
        data=list(files),
        split=split,
        parameters=settings,
        versions=_versions(),
        evaluation=[
            evaluate(label, truth == label, scored[label]) for label in (labels if chosen is None else [chosen])
        ],
    )
    write_card(card, out)
    return card


def _positive(labels: Sequence[str], positive: str | None) -> str | None:
    listed = ", ".join(labels)
    if len(labels) < _FEWEST:
        raise SpecError(f"the data has the labels [{listed}]; a classifier needs two or more")
    if positive is not None and positive not in labels:
        raise SpecError(f"no label {positive!r} among those of the data: {listed}{nearest(positive, labels)}")
    if positive is not None or len(labels) > _FEWEST:
        return positive
    usual = [label for label in labels if label.lower() in ("1", "true", "yes")]
    if len(usual) != 1:
        raise SpecError(f"which of the labels [{listed}] is to be scored? Say so by --positive LABEL")
    return usual[0]


def _describe(
    given: Sequence[str], labels: Sequence[str], cluster: npt.NDArray[np.int64], in_test: npt.NDArray[np.bool_]
) -> tuple[Split, npt.NDArray[np.str_]]:
    """Return the sizes of both parts, and the labels of the test part as an array of strings."""
    every = np.array(given, np.str_)
    split = Split(
        train=count_labels(every[~in_test].tolist()),
        test=count_labels(every[in_test].tolist()),
        clusters=len(np.unique(cluster)),
    )
    for part, counts in (("training", split.train), ("test", split.test)):
        few = [label for label in labels if counts.get(label, 0) < _FEWEST]
        if few:
            raise SpecError(
                f"too few documents with the label {few[0]!r} in the {part} part once near-duplicates are kept "
                "together; give more, or more varied ones"
            )
    return split, every[in_test]


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "unicode": UNICODE_VERSION}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
