"""The documents of a component, as a SQL condition over the view `documents`."""

from __future__ import annotations

from collections.abc import Collection

from datamix.errors import SpecError
from datamix.filters.predicate import parse_predicate
from datamix.spec.mixture import Component


def component_condition(name: str, component: Component, columns: Collection[str]) -> str:
    """Return DuckDB SQL for a WHERE clause that is true for a component's documents.

    `where` is taken as it stands, so it names `kept` itself where dropped documents are not wanted; `source` and
    `domain` mean their kept documents.

    Args:
        name: the component's, for errors.
        component: what its spec says.
        columns: names of the columns that a condition may use.

    Raises:
        SpecError: `where` is not a condition over these columns; names the component and the nearest column.
    """
    try:
        if component.where is not None:
            return parse_predicate(component.where, columns).sql
        if component.source is not None:
            return parse_predicate("source = wanted and kept", columns, {"wanted": component.source}).sql
        return parse_predicate("domain = wanted and kept", columns, {"wanted": component.domain or ""}).sql
    except SpecError as error:
        raise SpecError(f"component {name!r}: {error.message}") from None
