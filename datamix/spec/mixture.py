"""Mixture files: components, a budget of tokens, and the phases of training with their weights.

Numbers are exact as written: weights and shares are fractions, so that no plan depends on floating point.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from datamix.errors import nearest
from datamix.spec.project import Name
from datamix.spec.units import format_count, parse_count
from datamix.spec.yaml import Spec, read_yaml, validate

WEIGHT_TOLERANCE = Fraction(1, 100)
MAX_SEQUENCES = 2**34  # beyond it, float64 targets are no longer good to a thousandth of a sequence
_NUMBER = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?(?:/[0-9]{1,20})?)\s*(%?)\s*")


def _parse_fraction(value: Any) -> Fraction:
    match = None if isinstance(value, bool) else _NUMBER.fullmatch(str(value))
    try:
        if match:
            return Fraction(match[1]) / (100 if match[2] else 1)
    except (ValueError, ZeroDivisionError):
        pass
    raise ValueError(f"{value} is not a share; write 0.35, 35% or 7/20, never less than 0")


def _parse_share(value: Any) -> Fraction:
    share = _parse_fraction(value)
    if not 0 < share <= 1:
        raise ValueError(f"{value} is not a part of the whole; write a share above 0 and up to 1, such as 20%")
    return share


def _parse_span(value: Any) -> Fraction | int:
    """Return a share of the budget (`20%`, 0.2) as a fraction, or a number of tokens (`20B`) as an int."""
    try:
        share = _parse_fraction(value)
    except ValueError:
        share = Fraction(2)
    return share if share <= 1 or "%" in str(value) else parse_count(value)


Weight = Annotated[Fraction, PlainValidator(_parse_fraction), PlainSerializer(str)]
Share = Annotated[Fraction, PlainValidator(_parse_share), PlainSerializer(str)]
Span = Annotated[
    Fraction | int,
    PlainValidator(_parse_span),
    PlainSerializer(lambda span: str(span) if isinstance(span, Fraction) else span),
]
Count = Annotated[int, BeforeValidator(parse_count)]


class Component(Spec):
    """A named part of the mixture: documents by a SQL condition, or the kept documents of a source or of a domain."""

    where: str | None = None
    source: str | None = None
    domain: str | None = None
    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_selection(self) -> Component:
        if sum(value is not None for value in (self.where, self.source, self.domain)) != 1:
            raise ValueError("say which documents: exactly one of `where`, `source` and `domain`")
        return self


class Phase(Spec):
    """A stretch of training with its own weights, reached by a linear ramp from the weights before where it has one.

    A component without a weight has weight 0. The length is given by `tokens`, `share` or, in the last phase, `last`;
    or the place where the phase begins by `start`. The first phase takes what the others leave. Shares are of the
    whole budget, those of `ramp` too.
    """

    name: Name
    weights: Annotated[dict[str, Weight], Field(min_length=1)]
    tokens: Annotated[Count, Field(gt=0)] | None = None
    share: Share | None = None
    last: Span | None = None
    start: Span | None = None
    ramp: Span | None = None

    @model_validator(mode="after")
    def _weights_are_shares(self) -> Phase:
        total = sum(self.weights.values(), Fraction())
        if abs(total - 1) > WEIGHT_TOLERANCE:
            raise _refusal(
                f"the weights of phase {self.name!r} sum to {float(total):.6g}, not to 1 (within "
                f"{float(WEIGHT_TOLERANCE):.0%})",
                "weights",
            )
        return self

    def normalised(self) -> dict[str, Fraction]:
        """Return the weights divided by their sum."""
        total = sum(self.weights.values(), Fraction())
        return {name: weight / total for name, weight in self.weights.items()}


class Mixture(Spec):
    """A whole mixture file."""

    version: Literal[1]
    name: Name
    tokens: Annotated[Count, Field(gt=0)]
    tokenizer: str | None = None
    sequence_length: Annotated[Count, Field(gt=0)]
    batch: Annotated[Count, Field(gt=0)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    components: Annotated[dict[Name, Component], Field(min_length=1, max_length=4096)]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _consistent(self) -> Mixture:
        if self.sequences == 0:
            raise _refusal(f"{self.tokens} tokens are less than one sequence of {self.sequence_length}", "tokens")
        if self.sequences > MAX_SEQUENCES:
            raise _refusal(
                f"{self.sequences:,} sequences are more than a plan may have ({MAX_SEQUENCES:,}); "
                "make sequences longer",
                "tokens",
            )
        for i, phase in enumerate(self.phases):
            if phase.name in (other.name for other in self.phases[:i]):
                raise _refusal(f"the phase {phase.name!r} stands twice", "phases", i, "name")
            for component in phase.weights:
                if component not in self.components:
                    raise _refusal(
                        f"unknown component {component!r}{nearest(component, self.components)}; "
                        f"known here: {', '.join(self.components)}",
                        "phases", i, "weights", component,
                    )  # fmt: skip
        self._check_ramps(self.phase_bounds())
        return self

    @property
    def sequences(self) -> int:
        """Whole sequences in the budget: the remainder of `tokens` by `sequence_length` is not used."""
        return self.tokens // self.sequence_length

    def phase_bounds(self) -> tuple[int, ...]:
        """Return where phases begin, and the end, in sequences: [n_phases + 1], strictly increasing from 0.

        A phase begins at the multiple of `batch` nearest to where its share or tokens put it (halves round up).

        Raises:
            ValidationError: the phases leave a gap, overlap, or one of them gets no whole batch.
        """
        step = self.batch * self.sequence_length
        inner = [self.batch * int(bound / step + Fraction(1, 2)) for bound in self._token_bounds()[1:-1]]
        bounds = (0, *inner, self.sequences)
        for i, phase in enumerate(self.phases):
            if bounds[i] >= bounds[i + 1]:
                raise _refusal(
                    f"nothing is left for phase {phase.name!r}: phases begin at whole batches of {self.batch} "
                    f"sequences, {format_count(step)} tokens; make it longer, or the batch smaller",
                    "phases", i,
                )  # fmt: skip
        return bounds

    def ramp_sequences(self, phase: Phase) -> Fraction:
        """Return the length of a phase's ramp in sequences, before it is rounded; 0 without one."""
        return self._in_tokens(phase.ramp or 0) / self.sequence_length

    def _in_tokens(self, span: Fraction | int) -> Fraction:
        return span * self.tokens if isinstance(span, Fraction) else Fraction(span)

    def _token_bounds(self) -> list[Fraction]:
        """Return where phases begin, and the end, in tokens, found from what is said of each, forwards, then back."""
        bounds: list[Fraction | None] = [Fraction(0), *(None for _ in self.phases[1:]), Fraction(self.tokens)]
        lengths: list[Fraction | None] = []
        for i, phase in enumerate(self.phases):
            lengths.append(self._length(i, phase))
            if phase.start is not None:
                bounds[i] = self._in_tokens(phase.start)
            elif phase.last is not None and i > 0:
                bounds[i] = self.tokens - self._in_tokens(phase.last)
        for i, length in enumerate(lengths):
            begin, end = bounds[i], bounds[i + 1]
            if begin is None or length is None:
                continue
            if end is not None and begin + length != end:
                after = "the next one begins" if i + 1 < len(self.phases) else "the budget ends"
                raise _refusal(
                    f"phase {self.phases[i].name!r} runs from {format_count(float(begin))} to "
                    f"{format_count(float(begin + length))} tokens, but {after} at {format_count(float(end))}; "
                    "the first phase takes what the others leave if it has no length",
                    "phases", i,
                )  # fmt: skip
            bounds[i + 1] = begin + length
        for i in reversed(range(len(lengths))):
            length, end = lengths[i], bounds[i + 1]
            if bounds[i] is None and length is not None and end is not None:
                bounds[i] = end - length
        for i, (begin, end) in enumerate(pairwise(bounds)):
            if begin is None or end is None:
                j = i if begin is None else i + 1
                raise _refusal(f"phase {self.phases[j].name!r} needs a length: `tokens` or `share`", "phases", j)
            if begin >= end:
                raise _refusal(
                    f"phase {self.phases[i].name!r} would run from {format_count(float(begin))} to "
                    f"{format_count(float(end))} tokens: the phases take more than the budget, or overlap",
                    "phases", i,
                )  # fmt: skip
        return [bound for bound in bounds if bound is not None]

    def _length(self, i: int, phase: Phase) -> Fraction | None:
        given = [key for key in ("tokens", "share", "last", "start") if getattr(phase, key) is not None]
        if len(given) > 1:
            raise _refusal(f"give one of `{'` and `'.join(given)}`", "phases", i, given[1])
        if phase.start is not None and i == 0:
            raise _refusal("the first phase begins at 0; `start` belongs to later ones", "phases", i, "start")
        if phase.last is not None and i + 1 < len(self.phases):
            raise _refusal("`last` belongs to the last phase; write `share` here", "phases", i, "last")
        if phase.last is not None:
            return self._in_tokens(phase.last)
        if phase.share is not None:
            return self._in_tokens(phase.share)
        return None if phase.tokens is None else Fraction(phase.tokens)

    def _check_ramps(self, bounds: tuple[int, ...]) -> None:
        for i, phase in enumerate(self.phases):
            ramp, length = self.ramp_sequences(phase), bounds[i + 1] - bounds[i]
            if ramp and i == 0:
                raise _refusal("the first phase has no weights before it to ramp from", "phases", 0, "ramp")
            # A ramp as long as its phase may exceed it by what the alignment to batches takes away.
            if ramp > length + self.batch:
                raise _refusal(
                    f"the ramp is longer than phase {phase.name!r} ({float(ramp):,.0f} of {length:,} sequences)",
                    "phases", i, "ramp",
                )  # fmt: skip


def _refusal(message: str, *place: str | int) -> ValidationError:
    """Return an error at `place` inside the model that is validated, so that its line can be named."""
    detail = InitErrorDetails(type=PydanticCustomError("mixture", "{m}", {"m": message}), loc=place, input=None)
    return ValidationError.from_exception_data("mixture", [detail])


def read_mixture(file: Path) -> Mixture:
    """Read a mixture file.

    Raises:
        SpecError: it is missing or says something impossible; with file, line and the nearest known name.
    """
    return validate(read_yaml(file), Mixture)


def read_stock(file: Path) -> dict[str, int]:
    """Read a stock file: tokens available by component, one `NAME: tokens` a line, with decimal suffixes.

    Raises:
        SpecError: it is missing, or a count is not a number of tokens; with file and line.
    """
    document = read_yaml(file)
    if not isinstance(document.value, dict):
        raise document.error("expected one `NAME: tokens` a line")
    stock: dict[str, int] = {}
    for name, count in document.value.items():
        try:
            stock[name] = parse_count(count)
        except ValueError as error:
            raise document.error(str(error), name) from None
    return stock
