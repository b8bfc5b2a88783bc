"""How the files of written sentences list their parts."""

from __future__ import annotations


def phrases(text: str) -> tuple[str, ...]:
    """Return the phrases between semicolons."""
    return tuple(phrase.strip() for phrase in text.split(";"))
