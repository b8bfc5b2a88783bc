from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamix.jobs.log import TAIL_BYTES, TAIL_LINES, hide_secrets, log_tail


def test_the_last_lines_are_kept():
    log = "\n".join(f"line {i}" for i in range(200)) + "\n\n"
    assert log_tail(log).splitlines() == [f"line {i}" for i in range(200 - TAIL_LINES, 200)]


def test_long_lines_are_cut_at_a_character():
    tail = log_tail("é" * 20_000 + "x")
    assert len(tail.encode()) <= TAIL_BYTES
    assert tail == "é" * ((TAIL_BYTES - 1) // 2) + "x"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("RAY_AUTH_TOKEN=0123abcd rest", "RAY_AUTH_TOKEN=*** rest"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"aws_secret_access_key": "AbC/+1", "x": 1}', '{"aws_secret_access_key": "***", "x": 1}'),
        ("password = hunter2;", "password = ***;"),
        ("api-key=abc", "api-key=***"),
        ("s3://AKIA:secret@bucket/key", "s3://***@bucket/key"),
    ],
)
def test_secrets_are_hidden(text: str, hidden: str):
    assert hide_secrets(text) == hidden


@pytest.mark.parametrize(
    "text",
    ['"tokens": 123_456,', "tokens_kept: 1.2", "tokenizer: bytes", "RAY_AUTH_TOKEN_PATH=/run/token", "a@b.example"],
)
def test_counts_and_names_are_not_secrets(text: str):
    assert hide_secrets(text) == text


def test_terminal_sequences_are_removed():
    assert log_tail("\x1b[31mred\x1b[0m\x07 \ttab\x00") == "red \ttab"


@given(st.text())
def test_any_log_has_a_short_printable_tail(log: str):
    tail = log_tail(log)
    assert len(tail.encode()) <= TAIL_BYTES
    assert not any(ord(character) < 32 and character not in "\n\t" for character in tail)
