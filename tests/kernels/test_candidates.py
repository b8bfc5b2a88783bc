from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from datamix.kernels.candidates import agreement, agreements, band_keys, judge_buckets

Signatures = npt.NDArray[np.uint32]

BITS = np.uint64(12)
ACCEPT_FROM, REFUSE_BELOW = 12, 8


def family_of_signatures(count: int, changed: int, seed: int) -> Signatures:
    """Return uint32 [count, 16] that agree in the first two values; others differ from a common one `changed` times."""
    rng = np.random.default_rng(seed)
    signatures = np.tile(rng.integers(0, 2**32, 16, np.uint32), (count, 1))
    for row in signatures:
        row[rng.choice(np.arange(2, 16), changed, replace=False)] = rng.integers(0, 2**32, changed, np.uint32)
    signatures.setflags(write=False)
    return signatures


def keys_of(signatures: Signatures, members: list[int], rows: int) -> npt.NDArray[np.uint64]:
    keys = np.empty((signatures.shape[1] // rows, len(members)), np.uint64)
    band_keys(signatures, np.array(members), 0, rows, BITS, keys)
    return keys


def compared(signatures: Signatures) -> list[tuple[int, int]]:
    """The rule, plainly, for one bucket of all rows: the pairs that are not refused."""
    pairs: list[tuple[int, int]] = []
    leaders: list[int] = []
    heads = len(signatures) if len(signatures) <= 64 else 8
    for member in range(len(signatures)):
        accepted, undecided = 0, 0
        for other in [*range(min(member, heads)), *leaders]:
            if other >= heads and accepted >= 4:
                break
            agreed = int((signatures[other] == signatures[member]).sum())
            if agreed >= ACCEPT_FROM:
                accepted += 1
            elif agreed >= REFUSE_BELOW and undecided < 64:
                undecided += 1
            else:
                continue
            pairs.append((other, member))
        if member >= heads and not accepted and len(leaders) < 256:
            leaders.append(member)
    return sorted(pairs)


def judged(signatures: Signatures) -> list[tuple[int, int]]:
    keys = np.sort(keys_of(signatures, list(range(len(signatures))), 2)[0])
    crowded = np.zeros(len(signatures), np.bool_)
    pairs = judge_buckets(keys, BITS, signatures, ACCEPT_FROM, REFUSE_BELOW, crowded)
    _, bucket, size = np.unique(keys >> BITS, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(crowded[(keys & np.uint64(0xFFF)).astype(np.int64)], size[bucket] > 64)
    return sorted((int(p >> np.uint64(32)), int(p & np.uint64(0xFFFFFFFF))) for p in pairs)


def test_keys_are_equal_where_bands_are() -> None:
    signatures = np.array([[1, 2, 3, 4], [1, 2, 4, 3], [9, 9, 9, 9], [2, 1, 3, 4]], np.uint32)
    signatures.setflags(write=False)
    keys = keys_of(signatures, [0, 1, 3], 2)
    assert (keys & np.uint64(0xFFF)).tolist() == [[0, 1, 3], [0, 1, 3]]
    first, second = (keys >> BITS).tolist()
    assert first[0] == first[1] != first[2]
    assert second[0] == second[2] != second[1]


def test_agreement_counts_equal_values() -> None:
    signatures = family_of_signatures(10, 5, seed=1)
    a, b = np.arange(9), np.arange(1, 10)
    result = np.empty(9, np.int32)
    agreements(signatures, a, b, result)
    np.testing.assert_array_equal(result, (signatures[a] == signatures[b]).sum(axis=1))
    assert agreement(signatures, 3, 3) == 16


@pytest.mark.parametrize("size", [1, 2, 64, 65, 66, 700])
@pytest.mark.parametrize("changed", [0, 2, 4, 7])
def test_a_bucket_is_judged_by_the_rule(size: int, changed: int) -> None:
    signatures = family_of_signatures(size, changed, seed=size + changed)
    pairs = judged(signatures)
    assert pairs == compared(signatures)
    if size <= 64:
        agreed = (signatures[:, None] == signatures[None]).sum(axis=2)
        assert pairs == [(a, b) for a in range(size) for b in range(a + 1, size) if agreed[a, b] >= REFUSE_BELOW]


@pytest.mark.parametrize(("first", "found"), [(7, True), (200, True), (263, True), (264, False)])
def test_a_large_bucket_has_256_leaders(first: int, found: bool) -> None:
    signatures = family_of_signatures(400, 14, seed=5).copy()
    signatures[399] = signatures[first]
    signatures.setflags(write=False)
    assert judged(signatures) == ([(first, 399)] if found else [])


def test_buckets_do_not_mix() -> None:
    signatures = np.concatenate([family_of_signatures(5, 1, seed) for seed in range(50)])
    signatures.setflags(write=False)
    pairs = judged(signatures)
    assert len(pairs) == 50 * 10
    assert all(a // 5 == b // 5 for a, b in pairs)
