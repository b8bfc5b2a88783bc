"""Runs the training process: lines in, a quantised model out, within limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from datamix.errors import ModelError
from datamix.signals.fasttext_model import lowered_texts
from datamix.training.parameters import Parameters

_CHILD = Path(__file__).with_name("child.py")
_RESERVED = r"__label__|</s>"  # fastText takes the first for a label and ends the line at the second


def fit(texts: pa.LargeStringArray, labels: Sequence[str], parameters: Parameters, model: Path) -> None:
    """Train a model on lower-cased texts and write it to `model`, quantised.

    One thread and a fixed seed: the same texts in the same order give the same bytes.

    Raises:
        ModelError: the process failed, or passed a limit.
    """
    lines = model.with_suffix(".txt")
    write_lines(texts, labels, lines)
    request = {"lines": str(lines), "model": str(model), "parameters": parameters.model_dump()}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        process = subprocess.run(
            [sys.executable, "-P", str(_CHILD), json.dumps(request)],
            env=os.environ | single,
            capture_output=True,
            text=True,
            timeout=parameters.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"training took longer than {parameters.timeout_s} s and was ended; "
            "give fewer documents or epochs, or a longer time"
        ) from error
    finally:
        lines.unlink(missing_ok=True)
    if process.returncode != 0 or not model.is_file():
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise ModelError(
            f"training failed in its process ({last}) within {parameters.memory_limit_bytes:,} bytes of memory and "
            f"{parameters.timeout_s} s; give fewer documents, buckets or dimensions"
        )


def write_lines(texts: pa.LargeStringArray, labels: Sequence[str], path: Path) -> None:
    """Write fastText's training file: a line for each text, its label in front, normalised as scoring normalises."""
    lowered = lowered_texts(texts)
    single = pc.replace_substring_regex(lowered, r"[\n\r]", " ")
    plain = pc.replace_substring_regex(single, _RESERVED, " ")
    marked = pa.array([f"__label__{label}" for label in labels], pa.large_string())
    lines = pc.binary_join_element_wise(marked, plain, pa.scalar(" ", pa.large_string()))
    with path.open("wb") as file:
        for line in lines:
            file.write(line.as_buffer())
            file.write(b"\n")
