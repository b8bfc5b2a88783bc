"""Filter packs: YAML files of rules, each a predicate that a document must satisfy to be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from datamix.errors import nearest
from datamix.spec.project import ColumnName, Name
from datamix.spec.yaml import Document, Spec, read_yaml, validate

RESERVED = "dedup"
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Constant = bool | int | float | str


class Parameter(Spec):
    """A constant that a project may set, by its name in the rules."""

    default: Constant
    description: str = ""


class Rule(Spec):
    """A predicate that must be true to keep a document, and why."""

    name: RuleName
    keep: str
    reason: str
    citation: str = ""


class Example(Spec):
    """A document (its text, or its signals by name) and what the pack says of it; `datamix check` compares."""

    text: str | None = None
    signals: dict[ColumnName, Constant | None] = {}
    drops: tuple[RuleName, ...] = ()
    keeps: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_input_and_one_answer(self) -> Example:
        if (self.text is None) == (not self.signals):
            raise ValueError("an example has either `text` or `signals`")
        if bool(self.keeps) == bool(self.drops):
            raise ValueError("an example says either `drops: [rule, ...]` or `keeps: true`")
        return self


def _parameters(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: item if isinstance(item, dict) else {"default": item} for name, item in value.items()}


class Pack(Spec):
    """A whole pack.

    Args:
        version: of this format.
        name: the file's name without `.yaml`.
        title: one line.
        description: what it follows and where it differs.
        citation: paper or tool that defines it.
        parameters: constants with defaults; a plain value is a default.
        measure: for columns that no project has by itself, what to write under `measure:` to get them.
        rules: in the order in which reasons are given.
        examples: run by `datamix check`.
    """

    version: Literal[1]
    name: Name
    title: str
    description: str = ""
    citation: str
    parameters: Annotated[dict[ColumnName, Parameter], BeforeValidator(_parameters)] = {}
    measure: dict[ColumnName, str] = {}
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    examples: tuple[Example, ...] = ()


class PackFile:
    """A pack that was read.

    Args:
        document: the YAML file.
        pack: its values.
    """

    def __init__(self, document: Document, pack: Pack) -> None:
        self.document, self.pack = document, pack


def read_pack(file: Path) -> PackFile:
    """Read a pack; its predicates are parsed later, when the columns are known.

    Raises:
        SpecError: it says something impossible; with file, line and the nearest known name.
    """
    document = read_yaml(file)
    pack = validate(document, Pack)
    if pack.name != file.stem:
        raise document.error(f"the pack is named {pack.name!r} and its file {file.name!r}; both must agree", "name")
    if pack.name == RESERVED:
        raise document.error(f"{RESERVED!r} names the reasons of duplicates; choose another name", "name")
    names: list[str] = []
    for i, rule in enumerate(pack.rules):
        if rule.name in names:
            raise document.error(f"the rule {rule.name!r} stands twice", "rules", i, "name")
        names.append(rule.name)
    for i, example in enumerate(pack.examples):
        for j, name in enumerate(example.drops):
            if name not in names:
                raise document.error(f"unknown rule {name!r}{nearest(name, names)}", "examples", i, "drops", j)
    return PackFile(document, pack)
