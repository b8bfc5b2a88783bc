"""Spans of a buffer, copied to where they belong in another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel


@kernel
def copy_spans(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> None:
    """Copy data[starts[i]:starts[i] + lengths[i]] to out[targets[i]:targets[i] + lengths[i]] for each i.

    Ids of any width are copied as bytes, so that one compiled version serves all tokenizers. The caller has checked
    that all spans lie inside `data` (read-only, as memory maps are) and `out`.
    """
    for i in range(starts.shape[0]):
        # Views, and an index from zero: with offsets in the index the loop is not vectorised, and four times slower.
        source = data[starts[i] : starts[i] + lengths[i]]
        target = out[targets[i] : targets[i] + lengths[i]]
        for k in range(source.shape[0]):
            target[k] = source[k]
