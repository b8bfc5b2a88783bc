"""Ledgers: the contract's keys, exact sums, warnings."""

from __future__ import annotations

import pytest
from hypothesis import given

from datamix.mixtures.ledger import effective_epochs, ledger
from datamix.mixtures.plan import plan
from datamix.spec.mixture import Mixture
from tests.mixtures.specs import mixtures, plenty


@given(mixtures())
def test_it_adds_up(mixture: Mixture) -> None:
    made = ledger(plan(mixture, plenty(mixture)))
    assert list(made) == ["version", "name", "tokens", "sequences", "components", "phases", "warnings"]
    length = mixture.sequence_length
    assert made["tokens"] == made["sequences"] * length
    assert made["phases"][0]["start"] == 0
    assert made["phases"][-1]["end"] == made["sequences"]
    for phase in made["phases"]:
        assert list(phase) == ["name", "start", "end", "components"]
        assert list(phase["components"]) == list(mixture.components)
        assert sum(c["sequences"] for c in phase["components"].values()) == phase["end"] - phase["start"]
    for name, component in made["components"].items():
        assert list(component) == ["available", "tokens", "sequences", "epochs"]
        parts = [phase["components"][name] for phase in made["phases"]]
        assert component["sequences"] == sum(part["sequences"] for part in parts)
        for counts in (component, *parts):
            assert counts["tokens"] == counts["sequences"] * length
            assert counts["epochs"] == counts["tokens"] / component["available"]


@pytest.mark.parametrize(("epochs", "worth"), [(0.5, 0.5), (1, 1), (2, 1.968), (4, 3.726), (8, 6.624), (16, 10.582)])
def test_repeated_tokens_are_worth_what_muennighoff_found(epochs: float, worth: float) -> None:
    assert effective_epochs(epochs) == pytest.approx(worth, abs=5e-4)


def small(**changes: object) -> Mixture:
    content = {
        "version": 1, "name": "m", "tokens": 100_000, "sequence_length": 1000,
        "components": {"web": {"domain": "web"}, "math": {"domain": "math"}},
        "phases": [{"name": "p", "weights": {"web": 0.5, "math": 0.5}}],
    }  # fmt: skip
    return Mixture.model_validate(content | changes)


def test_past_four_epochs_is_warned_of_with_what_it_is_worth() -> None:
    (warning,) = plan(small(), {"web": 12_500, "math": 6_250}).warnings
    assert "'math' is seen 8.00 times; its 50.00K tokens are worth 41.40K fresh ones (6.62 epochs" in warning


def test_what_is_not_as_written_is_warned_of() -> None:
    mixture = small(
        tokens=100_700, phases=[{"name": "p", "weights": {"web": 0.992, "math": 0.003}}],
    )  # fmt: skip
    rest, normalised, nothing = plan(mixture, {"web": 10**6, "math": 10**6}).warnings
    assert "the last 700 are not used" in rest
    assert "sum to 0.995; they were divided by it" in normalised
    assert "'math' is due less than a sequence in phase 'p' and gets none" in nothing


def test_nothing_to_warn_of() -> None:
    assert plan(small(), {"web": 10**6, "math": 12_500}).warnings == ()
