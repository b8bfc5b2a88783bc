"""Random mixtures for properties, and the exact targets that they ask for, worked out independently of the planner."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from datamix.spec.mixture import Mixture

LENGTH = 16


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    """One to twelve components, one to five phases of one to 400 sequences, zeros, jumps, and ramps of any length."""
    n_components = draw(st.integers(1, 12))
    batch = draw(st.sampled_from([1, 1, 3]))
    longest = draw(st.sampled_from([3, 20, 400]))
    names = [f"c{k}" for k in range(n_components)]
    phases = []
    lengths = []
    for i in range(draw(st.integers(1, 5))):
        parts = draw(
            st.lists(st.sampled_from([0, 0, 1, 2, 7, 50]), min_size=n_components, max_size=n_components).filter(any)
        )
        length = batch * draw(st.integers(1, longest))
        ramp = draw(st.one_of(st.none(), st.integers(1, length))) if i else None
        weights = {name: Fraction(part, sum(parts)) for name, part in zip(names, parts, strict=True)}
        phases.append(
            {
                "name": f"p{i}",
                "weights": weights,
                "tokens": None if i == 0 else length * LENGTH,
                "ramp": None if ramp is None else ramp * LENGTH,
            }
        )
        lengths.append(length)
    return Mixture.model_validate(
        {
            "version": 1,
            "name": "random",
            "tokens": sum(lengths) * LENGTH,
            "sequence_length": LENGTH,
            "batch": batch,
            "components": {name: {"domain": name} for name in names},
            "phases": phases,
        }
    )


def asked(mixture: Mixture) -> npt.NDArray[np.float64]:
    """Return the unrounded cumulative targets after each sequence, [n_sequences, n_components], summed step by step."""
    bounds = mixture.phase_bounds()
    rates = []
    before: npt.NDArray[np.float64] | None = None
    for phase, start, end in zip(mixture.phases, bounds[:-1], bounds[1:], strict=True):
        weights = np.array([float(phase.weights.get(name, 0)) for name in mixture.components])
        ramp = round(mixture.ramp_sequences(phase))
        middle = (np.arange(end - start) + 0.5) / max(ramp, 1)
        along = np.minimum(middle, 1.0)[:, np.newaxis] if ramp else np.ones((end - start, 1))
        rates.append(weights * along + (weights if before is None else before) * (1 - along))
        before = weights
    return np.cumsum(np.concatenate(rates), axis=0)


def plenty(mixture: Mixture) -> dict[str, int]:
    """Return a stock that is enough for anything."""
    return dict.fromkeys(mixture.components, mixture.tokens)
