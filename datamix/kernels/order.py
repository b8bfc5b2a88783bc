"""The order of sequences in a phase, and of documents on a sampling line.

Order: Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980). Of K components, one is eligible
for the next sequence once its target exceeds what it drew by c = 1/(2K-2), and of the eligible the one is taken whose
target will first exceed what it drew by 1 - c. No component is then ever further from its target than 1 - c. Both
moments depend only on the number drawn, so they are found once a draw, by inverting the quadratic target.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datamix.kernels.compile import kernel

SLACK = 2.0**-16  # far above what rounding makes of a float64 target of 2**34 sequences, far below a sequence
NEVER = 2**63 - 1

_UINT64 = np.uint64
_GOLDEN = _UINT64(0x9E3779B97F4A7C15)
_MIX_1 = _UINT64(0xBF58476D1CE4E5B9)
_MIX_2 = _UINT64(0x94D049BB133111EB)
_S30, _S27, _S31 = _UINT64(30), _UINT64(27), _UINT64(31)


@kernel
def _reach(bounds: npt.NDArray[np.int64], curves: npt.NDArray[np.float64], k: int, value: float) -> int:
    """Return the least number of sequences after which the target of component k is at least `value`, or NEVER."""
    for p in range(len(bounds) - 1):
        length = bounds[p + 1] - bounds[p]
        base, rate, bend = curves[p, k, 0], curves[p, k, 1], curves[p, k, 2]
        if value <= base:
            return int(bounds[p])
        if value <= base + length * (rate + bend * length):
            gap = value - base
            per_sequence = curves[p, k, 3]
            if per_sequence == 0.0:
                per_sequence = 2.0 / (rate + np.sqrt(max(rate * rate + 4.0 * bend * gap, 0.0)))
            m = min(np.int64(gap * per_sequence) + 1, length)
            # That may be off by its rounding: step to the exact place as the targets themselves are evaluated.
            while m > 0 and base + (m - 1) * (rate + bend * (m - 1)) >= value:
                m -= 1
            while m < length and base + m * (rate + bend * m) < value:
                m += 1
            return int(bounds[p] + m)
    return NEVER


@kernel
def draw_sequences(
    bounds: npt.NDArray[np.int64],
    curves: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.uint16],
    drawn: npt.NDArray[np.int64],
    start: int,
    out: npt.NDArray[np.uint16],
) -> None:
    """Write the components of sequences start, start + 1, ... of a phase into `out`, and count them in `drawn`.

    Args:
        bounds: int64 [n_pieces + 1], from 0 to the phase's length; inside piece p the target of component k after
            bounds[p] + m sequences is curves[p, k, 0] + curves[p, k, 1] m + curves[p, k, 2] m^2.
        curves: float64 [n_pieces, K, 4]; targets never fall and sum to the number of sequences. The last is
            1 / curves[p, k, 1] where curves[p, k, 2] is 0 and that is not, else 0: it spares a square root.
        numbers: uint16 [K], the number that `out` gets for each component.
        drawn: int64 [K], sequences drawn before `start`; updated.
        start: sequences of the phase before this call.
        out: uint16 [n], n at most what the phase has left.
    """
    n_components = len(numbers)
    if n_components == 1:
        out[:] = numbers[0]
        drawn[0] += len(out)
        return
    eligible_at = 1.0 / (2 * n_components - 2)
    eligible = np.empty(n_components, np.int64)
    deadline = np.empty(n_components, np.int64)
    for k in range(n_components):
        eligible[k] = _reach(bounds, curves, k, drawn[k] + eligible_at - SLACK)
        deadline[k] = _reach(bounds, curves, k, drawn[k] + 1.0 - eligible_at - SLACK)
    for i in range(len(out)):
        n = start + i + 1
        best, soonest = 0, NEVER
        for k in range(n_components):
            due = deadline[k] if eligible[k] <= n else NEVER
            if due < soonest:
                best, soonest = k, due
        out[i] = numbers[best]
        drawn[best] += 1
        eligible[best] = _reach(bounds, curves, best, drawn[best] + eligible_at - SLACK)
        deadline[best] = _reach(bounds, curves, best, drawn[best] + 1.0 - eligible_at - SLACK)


@kernel
def _mix(h: np.uint64) -> np.uint64:
    """Scramble 64 bits by splitmix64's finaliser, a bijection (Steele, Lea and Flood 2014)."""
    h = (h ^ (h >> _S30)) * _MIX_1
    h = (h ^ (h >> _S27)) * _MIX_2
    return h ^ (h >> _S31)


@kernel
def line_keys(ids: npt.NDArray[np.uint64], seed: np.uint64, epoch: np.uint64, out: npt.NDArray[np.uint64]) -> None:
    """Write each document's place on a sampling line: mix(mix(mix(mix(seed + g) ^ (epoch + g)) ^ low) ^ high).

    mix is splitmix64's finaliser, g = 0x9E3779B97F4A7C15, arithmetic modulo 2**64: 64 bits that depend on nothing else,
    the same on every machine and in every version.

    Args:
        ids: uint64 [n, 2], document ids as two little-endian halves, low first.
        seed: uint64, the mixture's.
        epoch: uint64, how often the line was used up before.
        out: uint64 [n].
    """
    key = _mix(_mix(seed + _GOLDEN) ^ (epoch + _GOLDEN))
    for i in range(len(out)):
        out[i] = _mix(_mix(key ^ ids[i, 0]) ^ ids[i, 1])
