"""What the heuristics count in one document: the slots of an int64 array, so that small kernels can share it."""

from __future__ import annotations

NEWLINES = 0
CHARACTERS = 1
WORDS = 2
NON_SYMBOL_WORDS = 3
NON_SYMBOL_CHARACTERS = 4
ALPHA_WORDS = 5
STOP_WORDS = 6  # a bit for each of the eight
HASHES = 7
ELLIPSES = 8
LINES = 9
BULLET_LINES = 10
ELLIPSIS_LINES = 11
C4_LINES = 12
C4_SENTENCES = 13
C4_LONG_WORD_LINES = 14
C4_UNPUNCTUATED_LINES = 15
C4_FEW_WORD_LINES = 16
C4_LOREM_IPSUM_LINES = 17
C4_JAVASCRIPT_LINES = 18
C4_CURLY_BRACKET_LINES = 19
C4_POLICY_LINES = 20
FILLED_LINES = 21
TERMINAL_LINES = 22
SHORT_LINES = 23
DUPLICATE_CHARACTERS = 24

N_COUNTS = 25
"""The slots above are a document's counts; those below are the state of the line that is being read."""

LINE_WORDS = 25  # between white space
LINE_SENTENCES = 26
LINE_HAS_LONG_WORD = 27
LINE_ENDED = 28  # a sentence has ended, and the next has not begun

N_SLOTS = 29
