"""Who keeps whom, in order of preference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.candidates import agreement
from datamix.kernels.compile import kernel
from datamix.kernels.minhash import Hashes, Signatures

_TRIED = 64


@kernel
def join_keepers(
    edges: Hashes,
    signatures: Signatures,
    signed: npt.NDArray[np.int64],
    accept_from: int,
    keeper: npt.NDArray[np.int64],
) -> None:
    """Let each document join its most preferred neighbour that is a keeper, else a keeper two edges away, else be one.

    Documents are numbered by preference, so when one is looked at, all that precede it are decided. For a keeper two
    edges away there is no verified pair: the two have to have signatures, which have to agree. Each neighbour is asked
    for its own keeper and for the 64 most preferred keepers that it has edges to; the most preferred that agrees is
    joined.

    Args:
        edges: uint64, sorted: document * 2^32 + neighbour, each edge in both directions.
        signatures: uint32 [signed, permutations].
        signed: int64 [n], the row of each document's signature, or -1.
        accept_from: agreeing values that are enough.
        keeper: int64 [n], 0, 1, 2, ... on entry; the keeper of each document on return.
    """
    n = keeper.shape[0]
    starts = np.zeros(n + 1, np.int64)
    for edge in edges:
        starts[np.int64(edge >> np.uint64(32)) + 1] += 1
    for document in range(n):
        starts[document + 1] += starts[document]
    beside = np.empty(
        edges.shape[0], np.uint32
    )  # from starts[d]: the keepers that d has edges to, most preferred first
    found = np.zeros(n, np.int64)
    tried = np.full(n, -1, np.int64)
    for document in range(n):
        first, last = starts[document], starts[document + 1]
        best = np.int64(document)
        if found[document]:
            best = np.int64(beside[first])
        elif signed[document] >= 0:
            for i in range(first, last):
                neighbour = np.int64(edges[i] & np.uint64(0xFFFFFFFF))
                for k in range(-1, min(found[neighbour], _TRIED)):
                    other = keeper[neighbour] if k < 0 else np.int64(beside[starts[neighbour] + k])
                    if other < best and tried[other] != document and signed[other] >= 0:
                        tried[other] = document
                        if agreement(signatures, signed[document], signed[other]) >= accept_from:
                            best = other
        keeper[document] = best
        if best == document:
            for i in range(first, last):
                neighbour = np.int64(edges[i] & np.uint64(0xFFFFFFFF))
                beside[starts[neighbour] + found[neighbour]] = document
                found[neighbour] += 1
