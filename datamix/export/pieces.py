"""Which tokens of which document stand where in a run of sequences: arithmetic on the plan's order and uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datamix.errors import StoreError

Int64s = npt.NDArray[np.int64]
Order = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Lines:
    """Uses as arrays [uses], sorted by component and place on its line.

    Args:
        component: number of the component.
        line_start: where the use begins on its component's token line.
        tokens: its length.
        doc_offset: the document's token that it begins with.
        first_sequence: the sequence that holds its first token, as the planner found it.
        last_sequence: the sequence that holds its last token.
    """

    component: Int64s
    line_start: Int64s
    tokens: Int64s
    doc_offset: Int64s
    first_sequence: Int64s
    last_sequence: Int64s


@dataclass(frozen=True)
class Pieces:
    """Stretches of documents, cut at the ends of sequences: arrays [pieces], in the order of their tokens.

    Args:
        use: number of the use that the piece is of.
        row: sequence, counted from the first of the run.
        at: place of its first token in the sequence.
        doc_offset: place of its first token in the document.
        tokens: its length.
    """

    use: Int64s
    row: Int64s
    at: Int64s
    doc_offset: Int64s
    tokens: Int64s


def cut(order: Order, first_sequence: int, drawn: Int64s, lines: Lines, sequence_length: int) -> Pieces:
    """Return the pieces that fill a run of sequences.

    The j-th sequence of a component holds the tokens [j * L, (j + 1) * L) of its line.

    Args:
        order: uint16 [n], the component of each sequence of the run.
        first_sequence: number of the run's first sequence in the plan.
        drawn: int64 [K], sequences of each component before the run.
        lines: uses that cover the run's stretches of the lines; others are ignored.
        sequence_length: L, in tokens.

    Raises:
        StoreError: the uses leave a gap, overlap, or name other sequences than the order does.
    """
    count = np.bincount(order, minlength=len(drawn))
    low, high = drawn * sequence_length, (drawn + count) * sequence_length
    # All components' stretches, one behind the other: sequences in the order of (component, place on the line).
    base = np.cumsum(count * sequence_length) - count * sequence_length
    start = np.maximum(lines.line_start, low[lines.component])
    stop = np.minimum(lines.line_start + lines.tokens, high[lines.component])
    use = np.flatnonzero(stop > start)
    start, stop, component = start[use], stop[use], lines.component[use]
    length = stop - start
    place = start - low[component] + base[component]
    if not np.array_equal(place, np.cumsum(length) - length) or length.sum() != len(order) * sequence_length:
        raise _mismatch(first_sequence, len(order), "do not fill them without a gap")

    first, last = place // sequence_length, (place + length - 1) // sequence_length
    pieces_of_use = last - first + 1
    parent = np.repeat(np.arange(len(use)), pieces_of_use)
    nth = np.arange(len(parent)) - np.repeat(np.cumsum(pieces_of_use) - pieces_of_use, pieces_of_use)
    sequence = first[parent] + nth
    piece_start = np.maximum(place[parent], sequence * sequence_length)
    piece_stop = np.minimum((place + length)[parent], (sequence + 1) * sequence_length)
    # A stable sort of the order lists, component by component, where its sequences stand in the run.
    row = np.argsort(order, kind="stable")[sequence]
    by_row = np.argsort(row, kind="stable")
    use_start = (lines.doc_offset[use] + start - lines.line_start[use])[parent]
    pieces = Pieces(
        use=use[parent][by_row],
        row=row[by_row],
        at=(piece_start - sequence * sequence_length)[by_row],
        doc_offset=(use_start + piece_start - place[parent])[by_row],
        tokens=(piece_stop - piece_start)[by_row],
    )
    _check_sequences(pieces, lines, first_sequence, len(order))
    return pieces


def _check_sequences(pieces: Pieces, lines: Lines, first_sequence: int, sequences: int) -> None:
    begins = pieces.doc_offset == lines.doc_offset[pieces.use]
    ends = pieces.doc_offset + pieces.tokens == (lines.doc_offset + lines.tokens)[pieces.use]
    here = pieces.row + first_sequence
    if (here != lines.first_sequence[pieces.use])[begins].any() or (here != lines.last_sequence[pieces.use])[
        ends
    ].any():
        raise _mismatch(first_sequence, sequences, "name other sequences than its order gives them")


def _mismatch(first: int, count: int, what: str) -> StoreError:
    return StoreError(
        f"sequences {first:,} to {first + count - 1:,}: the plan's uses {what}; run `datamix mix plan` again"
    )
