from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.errors import StoreError
from datamix.export.pieces import Lines, cut


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[int], Lines]:
    """A sequence length, an order, and uses that fill it, of documents that are taken from a random token on."""
    length = draw(st.integers(1, 6))
    components = draw(st.integers(1, 3))
    order = draw(st.lists(st.integers(0, components - 1), min_size=1, max_size=15))
    rows: list[tuple[int, ...]] = []
    for component in range(components):
        sequences = [s for s, c in enumerate(order) if c == component]
        start, total = 0, length * len(sequences)
        while start < total:
            tokens = min(total - start, draw(st.integers(1, 14)))
            ends = sequences[start // length], sequences[(start + tokens - 1) // length]
            rows.append((component, start, tokens, draw(st.integers(0, 9)), *ends))
            start += tokens
    return length, order, Lines(*np.array(rows, np.int64).T)


@given(plans(), st.data())
def test_pieces_put_every_token_where_the_line_says(plan: tuple[int, list[int], Lines], data: st.DataObject) -> None:
    length, order, lines = plan
    first = data.draw(st.integers(0, len(order) - 1))
    stop = data.draw(st.integers(first + 1, len(order)))
    drawn = np.bincount(np.array(order[:first], np.int64), minlength=3)
    pieces = cut(np.array(order[first:stop], np.uint16), first, drawn, lines, length)

    found = {
        (first + row, at + k): (use, offset + k)
        for use, row, at, offset, tokens in zip(
            *(getattr(pieces, name).tolist() for name in ("use", "row", "at", "doc_offset", "tokens")), strict=True
        )
        for k in range(tokens)
    }
    expected = {}
    for use in range(len(lines.tokens)):
        sequences = [s for s, c in enumerate(order) if c == lines.component[use]]
        for k in range(lines.tokens[use]):
            at = int(lines.line_start[use]) + k
            expected[sequences[at // length], at % length] = (use, lines.doc_offset[use] + k)
    assert found == {place: token for place, token in expected.items() if first <= place[0] < stop}
    assert list(zip(pieces.row, pieces.at, strict=True)) == sorted(zip(pieces.row, pieces.at, strict=True))


@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("name", ["line_start", "tokens", "first_sequence", "last_sequence"])
@given(plan=plans(), data=st.data())
def test_uses_that_do_not_fit_are_refused(
    name: str, shift: int, plan: tuple[int, list[int], Lines], data: st.DataObject
) -> None:
    length, order, lines = plan
    use = data.draw(st.integers(0, len(lines.tokens) - 1))
    values = getattr(lines, name).copy()
    values[use] += shift
    last_of_its_line = use + 1 == len(lines.tokens) or lines.component[use + 1] != lines.component[use]
    if name == "tokens" and shift == 1 and last_of_its_line:
        return  # the line may go on behind what the plan draws
    if name == "line_start" and shift == 1 and lines.tokens[use] == 1 and last_of_its_line:
        return
    with pytest.raises(StoreError, match="run `datamix mix plan` again"):
        cut(np.array(order, np.uint16), 0, np.zeros(3, np.int64), replace(lines, **{name: values}), length)
