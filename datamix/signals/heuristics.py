"""The family `heuristics`: what the quality rules of Gopher, C4 and FineWeb look at, as numbers without thresholds.

Where a tool's implementation decides what a paper leaves open, the numbers follow datatrove 0.10, but for its words,
which are spaCy's tokens of English: see datamix.kernels.words for those used here. Every fraction and ratio of an empty
text is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datamix.kernels import tallies as t
from datamix.kernels.buffers import text_buffers
from datamix.kernels.heuristics import MAX_SHORT_LINE, count_heuristics, most_lines
from datamix.kernels.lines import MAX_WORD_LENGTH, MIN_LINE_WORDS
from datamix.kernels.unicode import UNICODE_VERSION, code_points
from datamix.kernels.words import STOP_WORD_LIST
from datamix.signals.family import Column

_VERSION = 1
_GOPHER = "(Gopher, arXiv:2112.11446, A.1.1)"
_C4 = "(C4, arXiv:1910.10683, 2.2, as datatrove decides)"
_FINEWEB = "(FineWeb, arXiv:2406.17557, 3.5)"


def _count(name: str, description: str) -> Column:
    return Column(name, pa.int64(), description)


def _ratio(name: str, description: str) -> Column:
    return Column(name, pa.float64(), description)


_COLUMNS = (
    _count("gopher_words", f"words that are not punctuation alone, at least 0 {_GOPHER}"),
    _ratio("mean_word_length", f"mean length in characters of `gopher_words`, at least 0; 0 without words {_GOPHER}"),
    _ratio("hash_to_word_ratio", f"signs # for each word, punctuation included, at least 0 {_GOPHER}"),
    _ratio("ellipsis_to_word_ratio", f"... and … for each word, punctuation included, at least 0 {_GOPHER}"),
    _ratio("bullet_lines_fraction", f"lines that start with • or -, of all lines, 0 to 1 {_GOPHER}"),
    _ratio("ellipsis_lines_fraction", f"lines that end with ... or …, of all lines, 0 to 1 {_GOPHER}"),
    _ratio("alpha_words_fraction", f"words with a letter, of all words, punctuation included, 0 to 1 {_GOPHER}"),
    _count("stop_words", f"how many of {', '.join(STOP_WORD_LIST)} occur, in lower case, 0 to 8 {_GOPHER}"),
    _count("c4_lines", f"lines that C4 keeps, at least 0 {_C4}"),
    _count("c4_sentences", f"sentences in the lines that C4 keeps, at least 0 {_C4}"),
    _count("c4_long_word_lines", f"lines dropped for a word of more than {MAX_WORD_LENGTH} characters {_C4}"),
    _count("c4_unpunctuated_lines", f"lines dropped since they do not end with . ? ! \" or ', or with ... {_C4}"),
    _count("c4_few_word_lines", f"lines dropped for fewer than {MIN_LINE_WORDS} words {_C4}"),
    _count("c4_lorem_ipsum_lines", f"lines that say `lorem ipsum`: any drops the document {_C4}"),
    _count("c4_javascript_lines", f"lines dropped since they say `javascript` {_C4}"),
    _count("c4_curly_bracket_lines", f"lines with an opening curly bracket: any drops the document {_C4}"),
    _count("c4_policy_lines", f"lines dropped since they speak of cookies, terms of use or privacy policy {_C4}"),
    _ratio("terminal_lines_fraction", f"lines that end with a sentence, of those not blank, 0 to 1 {_FINEWEB}"),
    _ratio(
        "short_lines_fraction", f"lines of at most {MAX_SHORT_LINE} characters, of those not blank, 0 to 1 {_FINEWEB}"
    ),
    _ratio(
        "duplicate_line_characters_fraction",
        f"characters in lines that repeat an earlier line, of all but newlines, 0 to 1 {_FINEWEB}",
    ),
    _ratio("newline_to_word_ratio", f"newlines for each word, punctuation included, at least 0 {_FINEWEB}"),
)


@dataclass(frozen=True)
class HeuristicsFamily:
    """The signals behind the quality rules of Gopher, C4 and FineWeb, from one pass over the bytes."""

    name = "heuristics"
    columns = _COLUMNS

    def definition(self) -> dict[str, Any]:
        """Return what determines the numbers: the code's version, and Unicode's, whose classes they follow."""
        return {"family": self.name, "version": _VERSION, "unicode": UNICODE_VERSION}

    def measure(self, texts: pa.LargeStringArray) -> dict[str, pa.Array]:
        """Return the columns of `texts`; an empty text has zeros."""
        data, offsets = text_buffers(texts)
        counts = np.empty((len(texts), t.N_COUNTS), np.int64)
        lines = most_lines(data, offsets)
        count_heuristics(
            data,
            offsets,
            code_points().flags,
            np.empty(t.N_SLOTS, np.int64),
            np.empty((lines, 3), np.int64),
            np.empty(1 << (2 * lines - 1).bit_length(), np.int32),
            counts,
        )
        c = np.ascontiguousarray(counts.T)
        words, filled_lines = c[t.WORDS], c[t.FILLED_LINES]
        values = (
            c[t.NON_SYMBOL_WORDS],
            _divide(c[t.NON_SYMBOL_CHARACTERS], c[t.NON_SYMBOL_WORDS]),
            _divide(c[t.HASHES], words),
            _divide(c[t.ELLIPSES], words),
            _divide(c[t.BULLET_LINES], c[t.LINES]),
            _divide(c[t.ELLIPSIS_LINES], c[t.LINES]),
            _divide(c[t.ALPHA_WORDS], words),
            np.bitwise_count(c[t.STOP_WORDS]).astype(np.int64),
            c[t.C4_LINES],
            c[t.C4_SENTENCES],
            c[t.C4_LONG_WORD_LINES],
            c[t.C4_UNPUNCTUATED_LINES],
            c[t.C4_FEW_WORD_LINES],
            c[t.C4_LOREM_IPSUM_LINES],
            c[t.C4_JAVASCRIPT_LINES],
            c[t.C4_CURLY_BRACKET_LINES],
            c[t.C4_POLICY_LINES],
            _divide(c[t.TERMINAL_LINES], filled_lines),
            _divide(c[t.SHORT_LINES], filled_lines),
            _divide(c[t.DUPLICATE_CHARACTERS], c[t.CHARACTERS] - c[t.NEWLINES]),
            _divide(c[t.NEWLINES], words),
        )
        return {column.name: pa.array(value) for column, value in zip(_COLUMNS, values, strict=True)}


def _divide(above: npt.NDArray[np.int64], below: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return above / below, 0 where `below` is 0."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below != 0)
