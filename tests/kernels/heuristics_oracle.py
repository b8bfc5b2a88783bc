"""The counts of datamix.kernels.tallies by Python's own strings and regular expressions, one document at a time."""

from __future__ import annotations

import re

from datamix.kernels.unicode import PUNCTUATION, TERMINAL, WORD, code_points

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
ABBREVIATIONS = re.compile(
    "(Mr|Mrs|Ms|Dr|Jr|Sr|St|Prof|Rev|Gen|Gov|Rep|Sen|Inc|Co|Corp|Ltd|vs|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)"
)
LEADING = re.compile(r"\.{2,}|[%=$,:;!?()\[\]{}<>_#*&'\"`]|\+(?![0-9])")
TRAILING = re.compile(r"(?:\.{2,}|\[[0-9]+\]|\[\]|[,:;!?()\[\]{}<>_#*&'\"`]|(?<=[0-9])[%+$])\Z")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CITATION = re.compile(r"(?:\[[0-9]*\]|\[edit\]|\[citation needed\])+\Z")
ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def has(character: str, flag: int) -> bool:
    return bool(code_points().flags[ord(character)] & flag)


def is_wide_sign(c: str) -> bool:
    if ord(c) < 128:
        return False
    blocks = "‐" <= c < "\u2030" or "\u20a0" <= c < "\u2c00" or "\U0001f000" <= c < "\U0001fb00" or c in "¡¿"
    return has(c, PUNCTUATION) or (blocks and not has(c, WORD))


def is_cut_stop(word: str) -> bool:
    """Whether the full stop behind `word` is a word of its own."""
    last = word[-1:]
    if not last:
        return False
    if last > "\x7f" or last in "%+-,:;!?()[]{}<>_#*&'\"`" or last.isdigit():
        return True
    if not last.isalpha() or len(word) == 1 or word[-2] == ".":
        return False
    if last.isupper():
        return "A" <= word[-2] <= "Z"
    return not ABBREVIATIONS.fullmatch(word)


def cut_core(core: str) -> list[str]:
    pieces, begin, i = [], 0, 0
    while i < len(core):
        c, before = core[i], core[i - 1] if i else " "
        before = before if before.isalnum() else " "
        sign = c
        if c == "." or c == "-":
            run = re.compile(r"\.+|-{1,3}").match(core, i)
            assert run is not None
            sign = run.group()
        after = core[i + len(sign) : i + len(sign) + 1] or " "
        cut = c == "…"
        if c.isalnum():
            i += 1
            continue
        if c == "@" or (c == ":" and core.startswith("://", i)):
            break
        if c == ".":
            cut = len(sign) > 1
            if not cut and before.isalpha() and after.isalpha() and not before.isupper():
                if not after.isupper():
                    break
                cut = True
        elif c in "'’":
            if before.isalpha() and after.isalpha() and len(core[i + 1 :].encode()) <= 2:
                clitic = i - 1 if core[i + 1 :] in ("t", "T") and core[i - 1] in "nN" and i - 1 > begin else i
                pieces.append(core[begin:clitic])
                begin = clitic
                break
        elif c in "–—":
            cut = before.isalpha() and after.isalpha()
        elif c in "-~:<>=/," and after.isalpha():
            cut = before.isalpha() or (before.isdecimal() and c != ",")
        elif c in "+-*^" and after.isdecimal():
            cut = before.isdecimal()
        if cut and i > begin:
            pieces += [core[begin:i], sign]
            begin = i + len(sign)
        i += len(sign)
    return [*pieces, core[begin:]] if begin < len(core) else pieces


def words(chunk: str) -> list[str]:
    """The words of a run without white space, signs that are cut off included."""
    leading, core, trailing = [], chunk, ""
    while core:
        match = LEADING.match(core)
        sign = match.group() if match else core[0] if is_wide_sign(core[0]) else ""
        if not sign:
            break
        leading.append(sign)
        core = core[len(sign) :]
    while core:
        match = TRAILING.search(core)
        if match:
            sign = match.group()
        elif is_wide_sign(core[-1]) or (core[-1] == "." and is_cut_stop(core[:-1])):
            sign = core[-1]
        else:
            break
        trailing = sign + trailing
        core = core[: -len(sign)]
    return leading + cut_core(core) + re.findall(r"\.{2,}|[0-9]+|.", trailing, re.DOTALL)


def sentences(line: str) -> int:
    count, ended = 1, False
    for word in (word for chunk in line.split() for word in words(chunk)):
        if re.fullmatch(r"\.{2,}", word):
            continue
        if any(not has(c, PUNCTUATION) or c in "$<=>+`^|~" for c in word):
            count, ended = count + ended, False
        elif len(word) == 1 and has(word, TERMINAL):
            ended = True
    return count


def c4_verdict(line: str) -> str:
    """The rule of C4 that a line breaks first, or `C4_LINES`."""
    line = line.strip()
    end = CITATION.sub("", line)
    lower = line.translate(ASCII_LOWER)
    if any(len(word) > 1000 for word in line.split()):
        return "C4_LONG_WORD_LINES"
    if not end.endswith((".", "?", "!", '"', "'")) or end.endswith("..."):
        return "C4_UNPUNCTUATED_LINES"
    if len(line.split()) < 3:
        return "C4_FEW_WORD_LINES"
    if "lorem ipsum" in lower:
        return "C4_LOREM_IPSUM_LINES"
    if "javascript" in lower:
        return "C4_JAVASCRIPT_LINES"
    if "{" in line:
        return "C4_CURLY_BRACKET_LINES"
    if any(phrase in lower for phrase in POLICY):
        return "C4_POLICY_LINES"
    return "C4_LINES"


def counts(text: str) -> dict[str, int]:
    """The counts of one text by the names of the slots."""
    tokens = [word for chunk in text.split() for word in words(chunk)]
    non_symbol = [w for w in tokens if any(not has(c, PUNCTUATION) for c in w)]
    lines = text.splitlines()
    verdicts = [c4_verdict(line) for line in lines]
    filled = [line for line in text.split("\n") if line.strip()]
    kept = [line for line, verdict in zip(lines, verdicts, strict=True) if verdict == "C4_LINES"]
    return {
        "NEWLINES": text.count("\n"),
        "CHARACTERS": len(text),
        "WORDS": len(tokens),
        "NON_SYMBOL_WORDS": len(non_symbol),
        "NON_SYMBOL_CHARACTERS": sum(map(len, non_symbol)),
        "ALPHA_WORDS": sum(any(c.isalpha() for c in w) for w in tokens),
        "STOP_WORDS": sum(1 << k for k, word in enumerate(STOP_WORDS) if word in tokens),
        "HASHES": text.count("#"),
        "ELLIPSES": text.count("...") + text.count("…"),
        "LINES": len(lines),
        "BULLET_LINES": sum(line.lstrip().startswith(("•", "-")) for line in lines),
        "ELLIPSIS_LINES": sum(line.rstrip().endswith(("...", "…")) for line in lines),
        "C4_SENTENCES": sum(map(sentences, kept)),
        "FILLED_LINES": len(filled),
        "TERMINAL_LINES": sum(has(line[-1], TERMINAL) for line in filled),
        "SHORT_LINES": sum(len(line) <= 30 for line in filled),
        "DUPLICATE_CHARACTERS": sum(len(line) for k, line in enumerate(filled) if line in filled[:k]),
    } | {
        slot: verdicts.count(slot)
        for slot in (
            "C4_LINES",
            "C4_LONG_WORD_LINES",
            "C4_UNPUNCTUATED_LINES",
            "C4_FEW_WORD_LINES",
            "C4_LOREM_IPSUM_LINES",
            "C4_JAVASCRIPT_LINES",
            "C4_CURLY_BRACKET_LINES",
            "C4_POLICY_LINES",
        )
    }
