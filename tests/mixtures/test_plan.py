"""Plans: every prefix within one sequence of the targets and two of the spec, zeros kept, ledgers exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamix.errors import SpecError
from datamix.library import library_folder
from datamix.mixtures import order as order_module
from datamix.mixtures.plan import plan
from datamix.spec.mixture import Mixture, read_mixture, read_stock
from tests.mixtures.specs import asked, mixtures, plenty


@settings(deadline=None)
@given(mixtures())
def test_every_prefix_is_within_one_of_the_plan_and_two_of_the_spec(mixture: Mixture) -> None:
    made = plan(mixture, plenty(mixture))
    order = made.order(0, made.sequences)
    targets = made.targets(0, made.sequences)
    drawn = np.cumsum(order[:, np.newaxis] == np.arange(len(made.components)), axis=0)
    assert order.dtype == np.uint16
    assert targets.shape == drawn.shape
    bound = 1 - 1 / (2 * max(len(made.components), 2) - 2)
    assert np.abs(drawn - targets).max() <= bound + 1e-4
    assert np.abs(drawn - asked(mixture)).max() < 2
    assert np.abs(targets.sum(axis=1) - np.arange(1, made.sequences + 1)).max() < 1e-6
    assert np.diff(targets, axis=0, prepend=0.0).min() > -1e-9
    for phase in made.phases:
        counts = np.bincount(order[phase.start : phase.end], minlength=len(made.components))
        assert tuple(counts) == phase.sequences


@settings(deadline=None)
@given(mixtures())
def test_counts_are_floor_or_ceiling_of_the_spec_in_each_phase_and_up_to_its_end(mixture: Mixture) -> None:
    made = plan(mixture, plenty(mixture))
    exact = np.vstack([np.zeros(len(made.components)), asked(mixture)])
    running = np.zeros(len(made.components))
    for phase in made.phases:
        running += phase.sequences
        assert np.abs(running - exact[phase.end]).max() < 1
        assert np.abs(np.array(phase.sequences) - (exact[phase.end] - exact[phase.start])).max() < 1


@settings(deadline=None)
@given(mixtures())
def test_weight_zero_draws_nothing(mixture: Mixture) -> None:
    made = plan(mixture, plenty(mixture))
    order = made.order(0, made.sequences)
    before = None
    for spec, phase in zip(mixture.phases, made.phases, strict=True):
        ramp = round(mixture.ramp_sequences(spec))
        zero = [k for k, name in enumerate(made.components) if not spec.weights[name]]
        assert not np.isin(order[phase.start + ramp : phase.end], zero).any()
        absent = [k for k in zero if before is None or not before.weights[made.components[k]]]
        assert not np.isin(order[phase.start : phase.end], absent).any()
        before = spec


@settings(deadline=None)
@given(mixtures(), st.data())
def test_any_part_of_the_order_is_the_whole_ones(mixture: Mixture, data: st.DataObject) -> None:
    whole = plan(mixture, plenty(mixture))
    order, targets = whole.order(0, whole.sequences), whole.targets(0, whole.sequences)
    start = data.draw(st.integers(0, whole.sequences))
    stop = data.draw(st.integers(start, whole.sequences))
    fresh = plan(mixture, plenty(mixture))
    assert np.array_equal(fresh.order(start, stop), order[start:stop])
    assert np.array_equal(fresh.targets(start, stop), targets[start:stop])


def test_blocks_continue_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = read_mixture(library_folder() / "mixtures" / "upsample-last.yaml")
    whole = plan(mixture, plenty(mixture)).order(0, mixture.sequences)
    monkeypatch.setattr(order_module, "BLOCK", 100)
    made = plan(mixture, plenty(mixture))
    for start, stop in [(9000, 9100), (150, 450), (0, mixture.sequences), (7800, 7900)]:
        assert np.array_equal(made.order(start, stop), whole[start:stop])


def test_a_range_outside_the_plan_is_refused() -> None:
    mixture = read_mixture(library_folder() / "mixtures" / "upsample-last.yaml")
    made = plan(mixture, plenty(mixture))
    assert len(made.order(5, 5)) == 0
    for start, stop in [(-1, 5), (5, made.sequences + 1), (6, 5)]:
        with pytest.raises(IndexError, match="not inside the plan"):
            made.order(start, stop)


def test_a_component_alone_is_every_sequence() -> None:
    mixture = _mixture({"only": {"source": "a"}}, {"only": 1})
    made = plan(mixture, {"only": 10**9, "another": 1})
    assert not made.order(0, made.sequences).any()
    assert made.drawn() == (1000,)
    assert dict(made.stock) == {"only": 10**9}


def test_spark_joy_draws_what_the_paper_drew() -> None:
    folder = library_folder() / "mixtures"
    made = plan(read_mixture(folder / "spark-joy-20.yaml"), read_stock(folder / "spark-joy.stock.yaml"))
    assert made.sequences == 244_140_625
    assert made.phases[1].start % 960 == 0
    drawn = dict(zip(made.components, made.drawn(), strict=True))
    expected = {"lcc": 274.80e9, "scc": 353.60e9, "domain": 127.36e9, "code": 244.24e9}
    for name, tokens in expected.items():
        # The alignment to a batch moves half a batch at most, and rounding a sequence.
        assert drawn[name] * 4096 == pytest.approx(tokens, abs=(960 / 2 + 1) * 4096 + 0.005e9)
    assert made.phases[1].sequences[0] == 0
    start = made.phases[1].start
    assert made.targets(start - 1, start)[0].tolist() == [float(n) for n in made.phases[0].sequences]


def test_a_large_phase_keeps_its_bound_far_out() -> None:
    mixture = read_mixture(library_folder() / "mixtures" / "spark-joy-20.yaml")
    phases = [mixture.phases[0], mixture.phases[1].model_copy(update={"last": "60%", "ramp": "60%"})]
    small = mixture.model_dump(mode="json") | {"tokens": "4B", "phases": [p.model_dump(mode="json") for p in phases]}
    made = plan(Mixture.model_validate(small), dict.fromkeys(mixture.components, 10**12))
    order = made.order(0, made.sequences)
    drawn = np.cumsum(order[:, np.newaxis] == np.arange(4), axis=0)
    assert made.sequences > 900_000
    assert np.abs(drawn - made.targets(0, made.sequences)).max() <= 1 - 1 / 6 + 1e-4


def _mixture(components: dict[str, object], *weights: dict[str, float]) -> Mixture:
    phases = [{"name": f"p{i}", "weights": w} | ({"share": "30%"} if i else {}) for i, w in enumerate(weights)]
    return Mixture.model_validate(
        {
            "version": 1, "name": "m", "tokens": 1_000_000, "sequence_length": 1000,
            "components": components, "phases": phases,
        }
    )  # fmt: skip


CAPPED = _mixture(
    {"web": {"domain": "web"}, "math": {"domain": "math", "max_epochs": 2}},
    {"web": 0.9, "math": 0.1}, {"web": 0.5, "math": 0.5},
)  # fmt: skip


def test_what_the_stock_cant_give_is_refused_with_weights_that_it_can() -> None:
    with pytest.raises(SpecError) as caught:
        plan(CAPPED, {"web": 10**7, "math": 50_000})
    message = caught.value.message
    assert "'math' would give 220.00K tokens, 4.40 epochs of its 50.00K, over its max_epochs of 2" in message
    assert "phase 'p1' the weights {web: 0.775, math: 0.225}" in message
    changed = _mixture(
        CAPPED.model_dump(mode="json", exclude_none=True)["components"],
        {"web": 0.955, "math": 0.045}, {"web": 0.775, "math": 0.225},
    )  # fmt: skip
    assert "phase 'p0' the weights {web: 0.955, math: 0.045}" in message
    assert plan(changed, {"web": 10**7, "math": 50_000}).drawn()[1] * 1000 <= 100_000
    assert "raise max_epochs (math 4.4)" in message
    raised = CAPPED.model_dump(mode="json", exclude_none=True)["components"] | {
        "math": {"domain": "math", "max_epochs": 4.4}
    }
    plan(_mixture(raised, {"web": 0.9, "math": 0.1}, {"web": 0.5, "math": 0.5}), {"web": 10**7, "math": 50_000})


def test_an_empty_component_with_a_weight_is_refused() -> None:
    with pytest.raises(SpecError, match=r"'math' has no tokens, but a weight in phases 'p0', 'p1'.*give component"):
        plan(CAPPED, {"web": 10**7, "math": 0})


def test_where_all_is_short_no_weights_are_proposed() -> None:
    mixture = _mixture({"math": {"domain": "math", "max_epochs": 2}}, {"math": 1})
    with pytest.raises(SpecError, match=r"feasible, raise max_epochs \(math 10\)"):
        plan(mixture, {"math": 100_000})


def test_a_stock_without_a_component_is_refused() -> None:
    with pytest.raises(SpecError, match=r"says nothing of component 'math'; did you mean 'maths'\?"):
        plan(CAPPED, {"web": 10**7, "maths": 5})


def test_an_empty_component_without_weight_is_fine() -> None:
    mixture = _mixture({"web": {"domain": "web"}, "none": {"domain": "none"}}, {"web": 1})
    assert plan(mixture, {"web": 5_000_000, "none": 0}).drawn() == (1000, 0)


def test_epochs_may_reach_the_cap_exactly() -> None:
    made = plan(CAPPED, {"web": 10**7, "math": 110_000})
    assert math.isclose(made.drawn()[1] * 1000 / 110_000, 2.0)
