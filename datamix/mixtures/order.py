"""Which component each sequence of a phase comes from, at any place, without holding the whole order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from datamix.kernels.order import draw_sequences
from datamix.mixtures.targets import Piece

BLOCK = 1 << 18  # sequences between two states that are kept


class PhaseOrder:
    """The order of one phase. It is drawn in blocks; what was drawn before each block is kept once it is known.

    Args:
        pieces: the phase's targets, for all components.
        counts: whole sequences of each component in the phase; those with none take no part.
    """

    def __init__(self, pieces: Sequence[Piece], counts: Sequence[int]) -> None:
        active = [k for k, count in enumerate(counts) if count]
        self.length = sum(piece.length for piece in pieces)
        self._bounds = np.cumsum([0, *(piece.length for piece in pieces)], dtype=np.int64)
        self._all_curves = np.array(
            [
                [
                    (float(base), float(rate), float(bend))
                    for base, rate, bend in zip(p.base, p.rate, p.bend, strict=True)
                ]
                for p in pieces
            ]
        )
        active_curves = self._all_curves[:, active]
        rate, straight = active_curves[..., 1], active_curves[..., 2] == 0
        inverse = np.divide(1.0, rate, out=np.zeros_like(rate), where=straight & (rate > 0))
        self._curves = np.concatenate([active_curves, inverse[..., np.newaxis]], axis=-1)
        self._numbers = np.array(active, np.uint16)
        self._before_block = [np.zeros(len(active), np.int64)]

    def order(self, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Return the numbers of the components of sequences start to stop of the phase, uint16 [stop - start].

        The first time, everything before `stop` that was never drawn is drawn.
        """
        out = np.empty(stop - start, np.uint16)
        buffer = np.empty(min(BLOCK, self.length), np.uint16)
        first = min(start // BLOCK, len(self._before_block) - 1)
        for block in range(first, -(-stop // BLOCK)):
            begin = block * BLOCK
            end = min(begin + BLOCK, self.length)
            drawn = self._before_block[block].copy()
            draw_sequences(self._bounds, self._curves, self._numbers, drawn, begin, buffer[: end - begin])
            if len(self._before_block) == block + 1:
                self._before_block.append(drawn)
            low, high = max(begin, start), min(end, stop)
            if low < high:
                out[low - start : high - start] = buffer[low - begin : high - begin]
        return out

    def targets(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Return the targets after each of the sequences start to stop, float64 [stop - start, n_components].

        They are counted from the beginning of the phase; row i is the target after start + i + 1 sequences.
        """
        after = np.arange(start + 1, stop + 1)
        piece = np.searchsorted(self._bounds[1:-1], after, side="left")
        m = (after - self._bounds[piece])[:, np.newaxis].astype(np.float64)
        base, rate, bend = np.moveaxis(self._all_curves[piece], -1, 0)
        targets: npt.NDArray[np.float64] = base + m * (rate + bend * m)
        return targets
