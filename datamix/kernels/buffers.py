"""The bytes and offsets of an Arrow string array, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


def text_buffers(texts: pa.LargeStringArray) -> tuple[Bytes, Offsets]:
    """Return a text column as (data uint8 [n_bytes], offsets int64 [n + 1]); text i is data[offsets[i]:offsets[i + 1]].

    Both are read-only views of the Arrow buffers, so that kernels compile for one type only; offsets need not start at
    0, since a slice shares its parent's buffers.

    Raises:
        TypeError: `texts` is not of type large_string or large_binary, or holds nulls.
    """
    if not (pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)):
        raise TypeError(f"expected large_string, got {texts.type}")
    if texts.null_count:
        raise TypeError("expected no nulls: documents without text are quarantined before they are measured")
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int64) if offsets is not None and offsets.size else np.zeros(1, np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return _read_only(content), _read_only(starts[texts.offset : texts.offset + len(texts) + 1])


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
