"""Packs as they are used: parameters bound to values, rules parsed against the columns that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from datamix.errors import SpecError, nearest
from datamix.filters.predicate import Predicate, parse_predicate
from datamix.filters.tree import kind_of
from datamix.library import find
from datamix.spec.pack import Constant, PackFile, Rule, read_pack
from datamix.spec.project import ProjectFile
from datamix.spec.yaml import Document, Place

FOLDER = "filters/packs"


@dataclass(frozen=True)
class ParsedRule:
    """A rule of a pack, with its predicate.

    Args:
        pack: name of the pack.
        rule: the rule as written.
        predicate: what must be true to keep.
    """

    pack: str
    rule: Rule
    predicate: Predicate

    @property
    def reason(self) -> str:
        """The entry in `documents.reasons`: `pack.rule`."""
        return f"{self.pack}.{self.rule.name}"


@dataclass(frozen=True)
class BoundPack:
    """A pack with a value for each parameter.

    Args:
        file: the pack.
        parameters: values by name.
        document: the file that uses it (datamix.yaml), or the pack itself.
        place: where in `document` it is used.
    """

    file: PackFile
    parameters: Mapping[str, Constant]
    document: Document
    place: Place

    @property
    def name(self) -> str:
        """The pack's name."""
        return self.file.pack.name

    def rules(self, columns: Mapping[str, pa.DataType]) -> tuple[ParsedRule, ...]:
        """Parse the rules against `columns`, types by name.

        Raises:
            SpecError: a column is not measured (names the line that uses the pack, and what to add), or a rule is
                not a predicate over `columns` (names the pack's own line).
        """
        pack = self.file.pack
        for column, entry in pack.measure.items():
            if column not in columns:
                raise self.document.error(
                    f"the filter {pack.name!r} needs the column {column!r}, which this project does not measure; "
                    f"add under `measure:` the line `{entry}`",
                    *self.place,
                )
        kinds = {name: kind_of(arrow_type) for name, arrow_type in columns.items()}
        parsed = []
        for i, rule in enumerate(pack.rules):
            try:
                predicate = parse_predicate(rule.keep, kinds, self.parameters)
            except SpecError as error:
                raise self.file.document.error(error.message, "rules", i, "keep") from None
            parsed.append(ParsedRule(pack.name, rule, predicate))
        return tuple(parsed)


def bind_pack(
    file: PackFile,
    parameters: Mapping[str, Constant] = MappingProxyType({}),
    document: Document | None = None,
    place: Place = (),
) -> BoundPack:
    """Give the pack in `file` its parameters, defaults where `parameters` says nothing.

    Raises:
        SpecError: an unknown parameter or one of another type than its default; names the place of use.
    """
    declared = file.pack.parameters
    user = document or file.document
    values = {name: parameter.default for name, parameter in declared.items()}
    for name, value in parameters.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise user.error(
                f"the filter {file.pack.name!r} has no parameter {name!r}{nearest(name, declared)} (it has: {known})",
                *place,
            )
        if _sort(value) != _sort(values[name]):
            raise user.error(
                f"the filter {file.pack.name!r} wants {_sort(values[name])} for {name!r}, not {value!r}", *place
            )
        values[name] = value
    return BoundPack(file, MappingProxyType(values), user, place)


def load_packs(project: ProjectFile) -> tuple[BoundPack, ...]:
    """Return the packs that the project's `filters:` names, in that order, the project's own files first.

    Raises:
        SpecError: a pack that is not there, is damaged, or gets parameters that it does not have.
    """
    packs = []
    for i, use in enumerate(project.project.filters):
        try:
            path = find(project.root, FOLDER, use.name, ".yaml")
        except SpecError as error:
            raise project.document.error(error.message, "filters", i) from None
        packs.append(bind_pack(read_pack(path), use.parameters, project.document, ("filters", i)))
    return tuple(packs)


def load_pack(root: Path | None, name: str) -> BoundPack:
    """Return the pack `name` of the project in `root`, or else of the library, with its defaults."""
    return bind_pack(read_pack(find(root, FOLDER, name, ".yaml")))


def _sort(value: Constant) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
    return "text"
