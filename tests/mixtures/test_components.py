"""The SQL of components, tried on a real table."""

from __future__ import annotations

import duckdb
import pytest

from datamix.errors import SpecError
from datamix.mixtures.components import component_condition
from datamix.spec.mixture import Component

COLUMNS = ("source", "domain", "kept", "quality")
VALUES = "('a', 'web', true, .9), ('a', 'web', false, .9), ('it''s', 'web', true, .1)"
ROWS = f"(VALUES {VALUES}) t({', '.join(COLUMNS)})"


@pytest.mark.parametrize(
    ("component", "rows"),
    [
        (Component(where="domain = 'web'"), 3),
        (Component(where="kept and quality >= 0.5"), 1),
        (Component(domain="web"), 2),
        (Component(source="it's"), 1),
        (Component(source="a' or true or 'a"), 0),
    ],
)
def test_it_selects(component: Component, rows: int) -> None:
    condition = component_condition("c", component, COLUMNS)
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT count(*) FROM {ROWS} WHERE {condition}").fetchone() == (rows,)


def test_an_unknown_column_is_told_with_the_component() -> None:
    with pytest.raises(SpecError, match=r"component 'web':.*quality"):
        component_condition("web", Component(where="qualty > 0.5"), COLUMNS)


def test_what_is_no_condition_is_refused() -> None:
    with pytest.raises(SpecError, match="component 'web'"):
        component_condition("web", Component(where="kept; DROP TABLE documents"), COLUMNS)
