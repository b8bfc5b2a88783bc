"""A kernel that tests compile in a new process."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel


@kernel
def total(values: npt.NDArray[np.int64]) -> int:
    """Return the sum."""
    result = 0
    for value in values:
        result += value
    return result
