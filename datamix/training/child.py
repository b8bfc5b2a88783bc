"""The process that trains: the fastText library alone, under limits, since it checks nothing and can't be stopped.

Run by path, with a JSON request as its only argument; it answers with one JSON object on stdout. It imports nothing of
datamix, so that it starts in any environment that has fastText.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

BYTES_PER_ROW = 9  # a norm code of one byte, and up to eight in the prune index; the codes come on top
ATTEMPTS = 6


def main() -> None:
    """Train, quantise within the size asked for, and say how many rows were kept."""
    request = json.loads(sys.argv[1])
    parameters = request["parameters"]
    resource.setrlimit(resource.RLIMIT_AS, (parameters["memory_limit_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (parameters["timeout_s"],) * 2)
    import fasttext  # here, under the limits

    fasttext.FastText.eprint = lambda _: None  # it warns of its own interface at each load
    model = fasttext.train_supervised(
        request["lines"],
        thread=1,
        seed=parameters["seed"],
        dim=parameters["dimensions"],
        epoch=parameters["epochs"],
        lr=parameters["learning_rate"],
        wordNgrams=parameters["word_ngrams"],
        minn=parameters["shortest_characters"],
        maxn=parameters["longest_characters"],
        minCount=parameters["min_count"],
        bucket=parameters["buckets"],
        verbose=0,
    )
    dense = request["model"] + ".bin"
    model.save_model(dense)
    del model
    cutoff = _fitting_cutoff(fasttext, dense, request)
    size = _quantised(fasttext, dense, request, cutoff, retrain=True)
    Path(dense).unlink()
    json.dump({"rows": cutoff, "bytes": size}, sys.stdout)


def _fitting_cutoff(fasttext: Any, dense: str, request: dict[str, Any]) -> int:
    """Return how many rows to keep; pruning without retraining keeps the same ones in a fraction of the time."""
    parameters = request["parameters"]
    target = parameters["max_bytes"]
    cutoff = int(target / (BYTES_PER_ROW + (parameters["dimensions"] + 1) // 2))
    for _ in range(ATTEMPTS):
        size = _quantised(fasttext, dense, request, cutoff, retrain=False)
        if size <= target:
            return cutoff
        cutoff = int(cutoff * 0.99 * target / size)
    sys.exit(f"no model fits {target} bytes")


def _quantised(fasttext: Any, dense: str, request: dict[str, Any], cutoff: int, retrain: bool) -> int:
    parameters = request["parameters"]
    model = fasttext.load_model(dense)
    model.quantize(
        input=request["lines"],
        cutoff=cutoff,
        retrain=retrain,
        qnorm=True,
        epoch=parameters["epochs"],
        lr=parameters["learning_rate"],
        thread=1,
        verbose=0,
    )
    model.save_model(request["model"])
    return Path(request["model"]).stat().st_size


main()
