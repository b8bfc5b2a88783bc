from __future__ import annotations

from pathlib import Path

import pytest

from datamix.errors import SpecError
from datamix.spec.yaml import MAX_BYTES, MAX_DEPTH, Spec, parse_yaml, read_yaml, validate


class Inner(Spec):
    size: int = 0


class Outer(Spec):
    title: str
    share: float = 0.0
    inner: Inner = Inner()
    items: tuple[Inner, ...] = ()


def parse(text: str) -> object:
    return parse_yaml(text, Path("a.yaml")).value


def test_values_are_those_of_yaml_1_2() -> None:
    text = "{a: no, b: 1e-3, c: 0o17, d: true, e: null, f: '1', g: [1, x]}"
    assert parse(text) == {"a": "no", "b": 0.001, "c": 15, "d": True, "e": None, "f": "1", "g": [1, "x"]}
    assert parse("") is None
    assert parse("\ufeffa: ü\n") == {"a": "ü"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice (first in line 1)"),
        ("a: 1\nb: &x 2\n", 2, "anchors and aliases"),
        ("a: &x [1]\nb: *x\n", 1, "anchors and aliases"),
        ("a: *x\n", 1, "undefined alias"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "os.system is not allowed"),
        ("a: !!set {x, y}\n", 1, "set is not allowed"),
        ("a: !mine:str x\n", 1, "the tag !mine:str is not allowed"),
        ("a: !secret x\n", 1, "the tag !secret is not allowed"),
        ("a: !!int many\n", 1, "'many' is not a valid value"),
        ("a: 2001-13-99\n", 1, "'2001-13-99' is not a valid value"),
        ("a: " + "9" * 5000, 1, "999... is not a valid value"),
        ("a: [1\nb: 2\n", 2, "is not valid YAML"),
        ("a: 1\n---\na: 2\n", 2, "another document"),
        ("? [1, 2]\n: 3\n", 1, "a key must be a plain word"),
        ("a: \x00", None, "special characters are not allowed"),
        ("- " * (MAX_DEPTH + 2) + "x", 1, f"nested deeper than {MAX_DEPTH}"),
        ("[" * 50_000, None, f"nested deeper than {MAX_DEPTH}"),
    ],
)
def test_what_is_refused_is_told_with_its_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.line == line
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_allowed_depth_is_allowed() -> None:
    assert str(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)) == "[" * MAX_DEPTH + "]" * MAX_DEPTH


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none.yaml: can't be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="can't be read: Is a directory"):
        read_yaml(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(SpecError, match="is not UTF-8 at byte 3"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SpecError, match="is larger than 1,000,000 bytes"):
        read_yaml(tmp_path / "large.yaml")
    (tmp_path / "largest.yaml").write_bytes(b"#" * MAX_BYTES)
    assert read_yaml(tmp_path / "largest.yaml").value is None


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "title: a\nshair: 1\n",
            2,
            "unknown key 'shair'; did you mean 'share'? known here: title, share, inner, items",
        ),
        ("title: a\nzzz: 1\n", 2, "unknown key 'zzz'; known here: title, share, inner, items"),
        ("share: 1\n", 1, "the key 'title' is missing"),
        ("title: 5\n", 1, "title: expected text, found 5"),
        ("title: a\nshare: much\n", 2, "share: expected a number, found 'much'"),
        ("title: a\nshare: true\n", 2, "share: expected a number, found true"),
        ("title: a\ninner:\n  size: 1.5\n", 3, "inner.size: expected a whole number, found 1.5"),
        ("title: a\ninner:\n  size: yes\n", 3, "inner.size: expected a whole number, found 'yes'"),
        ("title: a\ninner:\n  size: true\n", 3, "inner.size: expected a number, found true"),
        ("title: a\ninner: [1]\n", 2, "inner: expected keys and values, found a list"),
        ("title: a\nitems: {}\n", 2, "items: expected a list, found keys and values"),
        ("title: a\nitems:\n- size: 1\n- siz: 2\n", 4, "unknown key 'siz'; did you mean 'size'? known here: size"),
        ("title: a\nitems:\n- size: 1\n-\n", 4, "items.1: expected keys and values, found nothing"),
        ("- a\n", 1, "expected keys and values, found a list"),
        ("", None, "expected keys and values, found nothing"),
        ("title: a\nshare: " + "x" * 500, 2, f"share: expected a number, found '{'x' * 59}..."),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_the_words_of_the_file(text: str, line: int | None, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate(parse_yaml(text, Path("a.yaml")), Outer)
    assert (caught.value.message, caught.value.line) == (message, line)


def test_a_part_of_a_document_is_validated_with_its_lines() -> None:
    document = parse_yaml("parts:\n- title: a\n- titel: b\n", Path("a.yaml"))
    assert validate(document, Outer, ("parts", 0)).title == "a"
    with pytest.raises(SpecError, match=r"a.yaml:3: unknown key 'titel'"):
        validate(document, Outer, ("parts", 1))
