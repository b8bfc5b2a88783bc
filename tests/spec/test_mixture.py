"""Mixture files: what is accepted, where phases begin, and what each mistake is told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from datamix.errors import SpecError
from datamix.library import library_folder, names
from datamix.spec.mixture import Mixture, read_mixture, read_stock
from datamix.spec.yaml import parse_yaml, validate

TEXT = """\
version: 1
name: two
tokens: 10M
sequence_length: 1024
batch: 8
components:
  web:  {where: "domain = 'web' and kept"}
  best: {domain: encyclopedia, max_epochs: 4}
  code: {source: git}
phases:
  - {name: base, weights: {web: 0.75, best: 5%, code: 1/5}}
  - {name: upsample, last: 20%, ramp: 2%, weights: {web: 0.30, best: 0.35, code: 0.35}}
"""


def parse(text: str) -> Mixture:
    return validate(parse_yaml(text, Path("two.yaml")), Mixture)


def test_numbers_are_exact_as_written() -> None:
    mixture = parse(TEXT)
    assert mixture.tokens == 10_000_000
    assert mixture.sequences == 9765
    assert mixture.phases[0].weights == {"web": Fraction(3, 4), "best": Fraction(1, 20), "code": Fraction(1, 5)}
    assert mixture.ramp_sequences(mixture.phases[1]) == Fraction(200_000, 1024)


def test_phases_begin_at_the_nearest_batch() -> None:
    assert parse(TEXT).phase_bounds() == (0, 7816, 9765)  # 8,000,000 / 1024 = 7812.5 = 976.6 batches


@pytest.mark.parametrize("size", ["share: 20%", "share: 0.2", "tokens: 2M", "last: 2M", "start: 8M", "start: 80%"])
def test_every_way_to_give_a_phase_its_place_agrees(size: str) -> None:
    assert parse(TEXT.replace("last: 20%", size)).phase_bounds() == (0, 7816, 9765)


def test_phases_in_the_middle_are_found_from_both_sides() -> None:
    text = TEXT.replace(
        "  - {name: upsample",
        "  - {name: b, share: 10%, weights: {web: 1}}\n"
        "  - {name: c, start: 50%, weights: {web: 1}}\n"
        "  - {name: upsample",
    ).replace("batch: 8", "batch: 1")
    assert parse(text).phase_bounds() == (0, 3906, 4883, 7813, 9765)


def test_it_survives_json() -> None:
    mixture = parse(TEXT)
    assert Mixture.model_validate(mixture.model_dump(mode="json")) == mixture


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("code: 1/5", "cod: 1/5", 11, "unknown component 'cod'; did you mean 'code'?"),
        ("code: 1/5", "code: -0.2", 11, "-0.2 is not a share"),
        ("code: 1/5", "code: .nan", 11, "nan is not a share"),
        ("code: 1/5", "code: .inf", 11, "inf is not a share"),
        ("code: 1/5", "code: 1/0", 11, "1/0 is not a share"),
        ("code: 1/5", "code: yes", 11, "yes is not a share"),
        ("code: 1/5", "code: 0.5", 11, "the weights of phase 'base' sum to 1.3, not to 1"),
        ("code: 1/5", "code: 0.1899", 11, "sum to 0.9899, not to 1"),
        ("last: 20%", "last: 120%", 11, "overlap"),
        ("last: 20%, ", "", 12, "phase 'upsample' needs a length"),
        ("last: 20%", "last: 20%, share: 20%", 12, "one of `share` and `last`"),
        ("last: 20%", "start: 0", 11, "overlap"),
        ("last: 20%", "last: 0.0001%", 12, "nothing is left for phase 'upsample'"),
        ("last: 20%", "lst: 20%", 12, "did you mean 'last'?"),
        ("ramp: 2%", "ramp: 30%", 12, "the ramp is longer than phase 'upsample'"),
        ("{name: base,", "{name: base, share: 70%,", 11, "the next one begins at 8.00M"),
        ("{name: base,", "{name: base, last: 80%,", 11, "`last` belongs to the last phase"),
        ("{name: base,", "{name: base, start: 1%,", 11, "the first phase begins at 0"),
        ("{name: base,", "{name: base, ramp: 1%,", 11, "no weights before it"),
        ("name: upsample", "name: base", 12, "the phase 'base' stands twice"),
        ("tokens: 10M", "tokens: 1000", 3, "less than one sequence"),
        ("tokens: 10M", "tokens: 100000000T", 3, "more than a plan may have"),
        ("tokens: 10M", "tokens: ten", 3, "not a number of tokens"),
        ("max_epochs: 4", "max_epochs: 0", 8, "greater than 0"),
        ("{source: git}", "{}", 9, "exactly one of"),
        ("{source: git}", "{source: git, domain: code}", 9, "exactly one of"),
        ("version: 1", "version: 2", 1, "input should be 1"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, says: str) -> None:
    assert old in TEXT
    with pytest.raises(SpecError) as caught:
        parse(TEXT.replace(old, new, 1))
    assert caught.value.line == line
    assert says in caught.value.message


def test_weights_within_a_hundredth_are_normalised() -> None:
    phase = parse(TEXT.replace("code: 1/5", "code: 0.195")).phases[0]
    assert sum(phase.normalised().values()) == 1
    assert phase.normalised()["web"] == Fraction(750, 995)


def test_a_stock_has_decimal_suffixes(tmp_path: Path) -> None:
    file = tmp_path / "stock.yaml"
    file.write_text("web: 1.5T\ncode: 20_000\n")
    assert read_stock(file) == {"web": 1_500_000_000_000, "code": 20_000}


@pytest.mark.parametrize(("text", "line", "says"), [("web: 1T\ncode: lots\n", 2, "'lots'"), ("- web\n", 1, "NAME")])
def test_a_bad_stock_is_told_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = tmp_path / "stock.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match=says) as caught:
        read_stock(file)
    assert caught.value.line == line


def test_shipped_mixtures_can_be_read() -> None:
    shipped = {name for name in names(None, "mixtures", ".yaml") if not name.endswith(".stock")}
    assert "spark-joy-20" in shipped
    for name in shipped:
        assert read_mixture(library_folder() / "mixtures" / f"{name}.yaml").name == name
