from __future__ import annotations

from pathlib import Path

import pytest

from datamix.errors import SpecError
from datamix.library import find, library_folder, names


def test_the_library_holds_packs_mixtures_and_sql() -> None:
    folder = library_folder()
    for pattern in ("filters/packs/*.yaml", "mixtures/*.yaml", "catalog/schema/*.sql", "catalog/views/*.sql"):
        assert list(folder.glob(pattern)), pattern


def test_a_projects_file_comes_before_the_librarys(tmp_path: Path) -> None:
    shipped = find(tmp_path, "filters/packs", "c4", ".yaml")
    assert shipped == library_folder() / "filters" / "packs" / "c4.yaml"
    own = tmp_path / "filters" / "packs" / "c4.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("version: 1\n")
    assert find(tmp_path, "filters/packs", "c4.yaml", ".yaml") == own
    assert find(None, "filters/packs", "c4", ".yaml") == shipped


def test_names_are_those_of_both(tmp_path: Path) -> None:
    (tmp_path / "filters" / "packs").mkdir(parents=True)
    (tmp_path / "filters" / "packs" / "mine.yaml").touch()
    assert names(tmp_path, "filters/packs", ".yaml") == names(None, "filters/packs", ".yaml") | {"mine"}


def test_what_is_missing_is_told_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match=r"no 'gopher-datatrov' in filters/packs/.* did you mean 'gopher-datatrove'"):
        find(None, "filters/packs", "gopher-datatrov", ".yaml")
    with pytest.raises(SpecError, match="there are: none"):
        find(None, "no/such/folder", "x")
