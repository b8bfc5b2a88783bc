"""The project file, `datamix.yaml`: sources, what to measure, how duplicates and filters are decided, schedules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from datamix.errors import SpecError, nearest
from datamix.spec.yaml import Document, Spec, read_yaml, validate

FILE_NAME = "datamix.yaml"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
COLUMN_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,63}"


def _name(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN, value):
        raise ValueError(
            f"{value[:80]!r} is no name: up to 64 letters, digits, `_`, `.` and `-`, the first a letter or digit"
        )
    return value


def _column_name(value: str) -> str:
    if not re.fullmatch(COLUMN_PATTERN, value):
        raise ValueError(f"{value[:80]!r} is no column's name: up to 64 letters, digits and `_`, the first no digit")
    return value


Name = Annotated[str, AfterValidator(_name)]
ColumnName = Annotated[str, AfterValidator(_column_name)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Source(Spec):
    """A named input: files of one layout."""

    name: Name
    path: Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
    text: str = "text"
    id: str | None = None
    created: str | None = None
    columns: tuple[ColumnName, ...] = ()
    domain: str | None = None
    license: str | None = None
    priority: int = 0
    exempt: tuple[str, ...] = ()
    verify: Literal["stat", "bytes"] = "stat"

    @property
    def domain_name(self) -> str:
        """The domain, by default the source's name."""
        return self.domain if self.domain is not None else self.name

    def text_only(self) -> Source:
        """Return the source as one without ids, dates and carried columns: what reads its texts needs no more."""
        return self.model_copy(update={"id": None, "created": None, "columns": ()})


class Language(Spec):
    """Language identification by a fastText model."""

    model: str


class Score(Spec):
    """The probability of one label under a supervised fastText model."""

    model: str
    label: str


class Measure(Spec):
    """What is measured beside the heuristic signals, which always are."""

    language: Language | None = None
    scores: dict[ColumnName, Score] = {}
    tokenizer: str = "bytes"


class Near(Spec):
    """Near-duplicates: MinHash over word n-grams."""

    ngram: Annotated[int, Field(ge=1, le=32)] = 5
    permutations: Annotated[int, Field(ge=16, le=1024)] = 128
    threshold: Annotated[float, Field(ge=0.3, le=1.0)] = 0.8


class Preference(Spec):
    """One key of the order in which duplicates are preferred."""

    column: ColumnName
    descending: bool


def _parse_preference(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    column, _, direction = value.partition(" ")
    if direction.strip() not in ("", "asc", "desc"):
        raise ValueError(f"{value!r} is no order; write `{column} desc` or `{column} asc`")
    return {"column": column, "descending": direction.strip() == "desc"}


def _near_or_none(value: Any) -> Any:
    return None if value is False else {} if value is True else value


class Dedup(Spec):
    """Which duplicates are looked for, and which one of them is kept."""

    exact: bool = True
    near: Annotated[Near | None, BeforeValidator(_near_or_none)] = Near()
    prefer: tuple[Annotated[Preference, BeforeValidator(_parse_preference)], ...] = (
        Preference(column="priority", descending=True),
        Preference(column="words", descending=True),
    )
    keeper_among: Literal["kept", "all"] = "kept"


class FilterUse(Spec):
    """A pack that applies to this project, with the parameters that differ from its defaults."""

    name: Name
    parameters: dict[str, float | int | str | bool] = {}


def _parse_filter(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1:
        name, parameters = next(iter(value.items()))
        return {"name": name, "parameters": {} if parameters is None else parameters}
    raise ValueError("a filter is a pack's name, or {name: {parameter: value}}")


class Schedule(Spec):
    """When a run is submitted: a cron expression in a time zone."""

    name: Name
    cron: str
    timezone: str = "UTC"

    @field_validator("cron", mode="after")
    @classmethod
    def _known_to_cronsim(cls, value: str) -> str:
        from datetime import UTC, datetime

        from cronsim import CronSim, CronSimError

        try:
            CronSim(value, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"{value!r} is not a cron expression ({error})") from None
        return value

    @field_validator("timezone", mode="after")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
            raise ValueError(f"unknown time zone {value!r}; write one like Europe/Malta or UTC") from None
        return value


class Project(Spec):
    """A whole project file."""

    version: Literal[1]
    store: Annotated[str, Field(min_length=1)] = "./store"
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    measure: Measure = Measure()
    dedup: Dedup = Dedup()
    filters: tuple[Annotated[FilterUse, BeforeValidator(_parse_filter)], ...] = ()
    schedules: tuple[Schedule, ...] = ()


class ProjectFile:
    """A project file that was read: its folder, its values, and the lines to name in errors.

    Args:
        root: the project's folder; relative paths start here.
        document: the YAML file.
        project: its values.
    """

    def __init__(self, root: Path, document: Document, project: Project) -> None:
        self.root, self.document, self.project = root, document, project

    @property
    def store_folder(self) -> Path:
        """The store's folder."""
        return (self.root / self.project.store).resolve()


def read_project(folder: Path) -> ProjectFile:
    """Read `datamix.yaml` in `folder`.

    Raises:
        SpecError: it is missing or says something impossible; with file, line and the nearest known name.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        raise SpecError(
            f"no {FILE_NAME} in {folder.resolve()}; write one with `datamix init`, see one with `datamix demo`, "
            "or name the project's folder with -C"
        )
    document = read_yaml(file)
    project = validate(document, Project)
    _refuse_repeated_names(document, project)
    _refuse_unused_exemptions(document, project)
    return ProjectFile(folder, document, project)


def _refuse_repeated_names(document: Document, project: Project) -> None:
    for section in ("sources", "filters", "schedules"):
        first: dict[str, int | None] = {}
        for i, item in enumerate(getattr(project, section)):
            if item.name in first:
                raise document.error(
                    f"the name {item.name!r} stands twice in `{section}` (first in line {first[item.name]})", section, i
                )
            first[item.name] = document.line((section, i))


def _refuse_unused_exemptions(document: Document, project: Project) -> None:
    names = {use.name for use in project.filters}
    for i, source in enumerate(project.sources):
        for j, pack in enumerate(source.exempt):
            if pack not in names:
                raise document.error(
                    f"source {source.name!r} is exempt from {pack!r}, which is not among the project's filters"
                    f"{nearest(pack, names)}",
                    "sources", i, "exempt", j,
                )  # fmt: skip
