"""Who keeps whom, in order of preference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel


@kernel
def join_keepers(edges: npt.NDArray[np.uint64], keeper: npt.NDArray[np.int64]) -> None:
    """Let each document join its most preferred neighbour that is a keeper itself, or stay a keeper.

    Documents are numbered by preference, so when one is looked at, all that precede it are decided.

    Args:
        edges: uint64, sorted: (the later document) * 2^32 + (the earlier one).
        keeper: int64 [n], 0, 1, 2, ... on entry; the keeper of each document on return.
    """
    for edge in edges:
        later = np.int64(edge >> np.uint64(32))
        earlier = np.int64(edge & np.uint64(0xFFFFFFFF))
        if keeper[later] == later and keeper[earlier] == earlier:
            keeper[later] = earlier
