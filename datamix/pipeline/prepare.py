"""What a run needs, loaded and checked before any text is read."""

from __future__ import annotations

from collections.abc import Collection

from datamix.document import CARRIED
from datamix.errors import nearest
from datamix.filters.decide import MASK, Decider
from datamix.filters.packs import load_packs
from datamix.pipeline.publication import DOCUMENT_COLUMNS, LEADING, decidable_columns
from datamix.pipeline.wide import wide_schema
from datamix.signals.family import Family
from datamix.signals.registry import families, wide_columns
from datamix.spec.project import ProjectFile

_INSIDE = ("offset", "base_id", "text")
"""Columns of parts that `documents` does not show."""


def prepare(file: ProjectFile) -> tuple[tuple[Family, ...], Decider]:
    """Load what a run needs and find what is wrong with it before any text is read.

    Raises:
        SpecError: a model, a pack or a column is missing.
        ModelError: a model is damaged.
    """
    measured = families(file)
    _refuse_taken_columns(file, measured)
    for family in measured:
        family.definition()  # a damaged model is refused here, not in a worker
    schema = wide_schema(file.project.sources, measured)
    columns = decidable_columns(schema)
    _require_preferred(file, columns)
    exempt = {source.name: source.exempt for source in file.project.sources}
    return measured, Decider(load_packs(file), columns, exempt)


def _refuse_taken_columns(file: ProjectFile, measured: tuple[Family, ...]) -> None:
    """Refuse scores and carried columns with the name of another column of `documents` or of a part."""
    own = {*DOCUMENT_COLUMNS, *_INSIDE} - set(LEADING)
    for name in file.project.measure.scores:
        if name in own or name.startswith(MASK):
            raise file.document.error(
                f"{name!r} is a column of `documents` already; give the score another name", "measure", "scores", name
            )
    taken = {column.name for column in wide_columns(measured)} | {*DOCUMENT_COLUMNS, *_INSIDE}
    for i, source in enumerate(file.project.sources):
        for j, name in enumerate(source.columns):
            if name in taken - set(CARRIED) or name.startswith(MASK):
                raise file.document.error(
                    f"source {source.name!r} carries a column {name!r}, which is the name of another column of "
                    "`documents`; rename it in the files, or leave it out of `columns`",
                    "sources", i, "columns", j,
                )  # fmt: skip


def _require_preferred(file: ProjectFile, columns: Collection[str]) -> None:
    """Refuse a preference for a column that is not measured."""
    known = [*columns, "priority"]
    for i, preference in enumerate(file.project.dedup.prefer):
        if preference.column not in known:
            raise file.document.error(
                f"dedup.prefer names {preference.column!r}, which is not measured{nearest(preference.column, known)}; "
                "add it under `measure:`, or leave it out",
                "dedup", "prefer", i,
            )  # fmt: skip
