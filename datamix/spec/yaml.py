"""YAML files read strictly, with the line of every key, so that an error can name its place.

YAML 1.2 through ruamel (`no` stays text, `1e-3` is a number). Refused: aliases, duplicate keys, tags, files of more
than 1 MB, nesting deeper than 20.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from datamix.errors import SpecError, nearest

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "null", "bool", "int", "float", "str", "timestamp")
)
_SHOWN_CHARACTERS = 60

Place = tuple[str | int, ...]


class Spec(BaseModel):
    """A frozen part of a specification: a key it does not know is refused, the nearest known one named."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {field.alias or name: field for name, field in cls.model_fields.items()}
        for key, value in data.items():
            if key not in known:
                hint = nearest(str(key), known) or ";"
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key {key}{hint} known here: {known}",
                    {"key": repr(key), "raw": key, "hint": hint, "known": ", ".join(known)},
                )
            if isinstance(value, bool) and _is_number(known[key].annotation):  # Python takes true for 1
                raise PydanticCustomError(
                    "truth_value",
                    "{key}: expected a number, found {value}",
                    {"key": key, "raw": key, "value": str(value).lower()},
                )
        return data


def _is_number(annotation: Any) -> bool:
    kinds = get_args(annotation) or (annotation,)
    return bool not in kinds and any(kind in (int, float) or type(kind) is int for kind in kinds)


class Document:
    """The plain value of a YAML file, and where each of its keys and items stands.

    Args:
        file: the path, as errors print it.
        value: dicts, lists and scalars.
        lines: 1-based line by place, a tuple of keys and indices.
    """

    def __init__(self, file: Path, value: Any, lines: dict[Place, int]) -> None:
        self.file, self.value, self.lines = file, value, lines

    def line(self, place: Place) -> int | None:
        """Return the line of `place`, or of the nearest enclosing place that is known."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def error(self, message: str, *place: str | int) -> SpecError:
        """Return (not raise) an error that names this file and the line of `place`."""
        return SpecError(message, file=self.file, line=self.line(place))


def read_yaml(file: Path) -> Document:
    """Read a YAML file.

    Raises:
        SpecError: it is missing, too large, not UTF-8, not YAML, or uses what is refused (see the module).
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(f"can't be read: {error.strerror}", file=file) from None
    if len(raw) > MAX_BYTES:
        raise SpecError(f"is larger than {MAX_BYTES:,} bytes, the most that a specification may have", file=file)
    try:
        return parse_yaml(raw.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        raise SpecError(f"is not UTF-8 at byte {error.start}", file=file) from None


def parse_yaml(text: str, file: Path) -> Document:
    """Parse YAML text that stands in `file`; raises as `read_yaml` does."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise SpecError(f"is not valid YAML: {error.problem or error.context}", file=file, line=line) from None
    except YAMLError as error:
        raise SpecError(f"is not valid YAML: {str(error).splitlines()[0]}", file=file) from None
    except RecursionError:
        raise _too_deep(file, None) from None
    lines: dict[Place, int] = {}
    value = None if root is None else _Walk(file, lines, yaml.constructor).value(root, ())
    return Document(file, value, lines)


def _too_deep(file: Path, line: int | None) -> SpecError:
    return SpecError(f"is nested deeper than {MAX_DEPTH} levels", file=file, line=line)


class _Walk:
    """Turns composed nodes into plain values and notes their lines."""

    def __init__(self, file: Path, lines: dict[Place, int], constructor: SafeConstructor) -> None:
        self.file, self.lines, self.constructor = file, lines, constructor

    def value(self, node: Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        if node.anchor is not None:
            raise SpecError("anchors and aliases (&name, *name) are not allowed", file=self.file, line=line)
        if len(place) > MAX_DEPTH:
            raise _too_deep(self.file, line)
        if str(node.tag) not in PLAIN_TAGS:
            raise SpecError(f"the tag {node.tag} is not allowed", file=self.file, line=line)
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.value(child, (*place, i)) for i, child in enumerate(node.value)]
        try:
            return self.constructor.construct_object(node)
        except (YAMLError, ValueError):
            raise SpecError(f"{_found(str(node.value))} is not a valid value", file=self.file, line=line) from None

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                raise SpecError("a key must be a plain word", file=self.file, line=line)
            key = str(key_node.value)
            if key in result:
                first = self.lines[(*place, key)]
                raise SpecError(f"the key {key!r} stands twice (first in line {first})", file=self.file, line=line)
            self.lines[(*place, key)] = line
            result[key] = self.value(value_node, (*place, key))
        return result


S = TypeVar("S", bound=Spec)


def validate(document: Document, model: type[S], place: Place = ()) -> S:
    """Build `model` from the value at `place` of `document`.

    Raises:
        SpecError: the first thing that is wrong, with file, line and, for an unknown key, the nearest known one.
    """
    value = document.value
    for step in place:
        value = value[step]
    if not isinstance(value, dict):
        raise document.error(f"expected keys and values, found {_found(value)}", *place)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message, loc = _sentence(first)
        raise document.error(message, *place, *loc) from None


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list",
    "dict": "keys and values",
    "model": "keys and values",
}
_BRANCHES = ("int", "float", "str", "bool", "[key]")  # what pydantic appends to a place within a union or key


def _sentence(error: ErrorDetails) -> tuple[str, Place]:
    """Return what is wrong in the words of a YAML file, and where."""
    loc: Place = tuple(step for step in error["loc"] if step not in _BRANCHES)
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("unknown_key", "truth_value"):
        name = ".".join(map(str, loc))
        prefix = f"{name}." if name and kind == "truth_value" else ""
        return prefix + error["msg"], (*loc, context["raw"])
    if kind == "missing":
        return f"the key {loc[-1]!r} is missing", loc
    found = _found(error["input"])
    expected = _EXPECTED.get(kind.partition("_")[0])
    if kind == "literal_error":
        message = f"input should be {context['expected']}, found {found}"
    elif kind == "too_short":
        message = "the list is empty; it needs at least one item"
    elif kind.startswith(("greater_than", "less_than")):
        bound = error["msg"].removeprefix("Input should be ")
        message = f"{found} should be {bound}"
    elif expected is not None:
        message = f"expected {expected}, found {found}"
    else:
        message = error["msg"].removeprefix("Value error, ")
    return (f"{'.'.join(map(str, loc))}: {message}" if loc else message), loc


def _found(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, list | tuple | dict):
        return "keys and values" if isinstance(value, dict) else "a list"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."
