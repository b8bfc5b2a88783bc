"""The end of a job's log, as the catalog keeps it: short, printable, without secrets."""

from __future__ import annotations

import re

TAIL_LINES = 50
TAIL_BYTES = 10_000
HIDDEN = "***"

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_NAMED_SECRET = re.compile(
    r"""(?ix)
    ( (?: token | passw(?:or)?d | secret | (?: api | access | secret ) [_-]? key | authorization ) s?
      ["']? \s* [=:] \s* ["']? (?: bearer \s+ | basic \s+ )? )
    [^\s"',;]+
    """
)
_COUNT = re.compile(r"[\d_,.]+")


def log_tail(log: str) -> str:
    """Return the last `TAIL_LINES` lines of a log, at most `TAIL_BYTES` of UTF-8, with what looks like a secret hidden.

    Hidden are credentials in URLs, and the values of names like token, password, secret, api_key and authorization,
    numbers excepted: a run reports how many tokens it counted.
    """
    lines = log.rstrip().splitlines()[-TAIL_LINES:]
    text = hide_secrets("\n".join(_CONTROL.sub("", line) for line in lines))
    # Cut after hiding: a cut in the middle of `token=...` would leave a value without its name.
    return text.encode()[-TAIL_BYTES:].decode(errors="ignore")


def hide_secrets(text: str) -> str:
    """Return `text` with `***` in place of what looks like a secret."""
    return _NAMED_SECRET.sub(_hide_value, _URL_CREDENTIALS.sub(HIDDEN, text))


def _hide_value(match: re.Match[str]) -> str:
    value = match[0][len(match[1]) :]
    return match[0] if _COUNT.fullmatch(value) else match[1] + HIDDEN
