"""Where the shipped library lies (filter packs, models, mixtures, SQL), and how a project's own files come first."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from datamix.errors import SpecError, nearest

LANDMARK = Path("filters") / "packs"


def library_folder() -> Path:
    """Return the folder with `filters/`, `mixtures/` and `catalog/`: in the wheel, or in the checkout."""
    package = Path(str(files("datamix")))
    for folder in (package / "_library", package.parent):
        if (folder / LANDMARK).is_dir():
            return folder
    raise SpecError(f"the library of filter packs is missing beside {package}; install datamix again")


def find(project_root: Path | None, folder: str, name: str, suffix: str = "") -> Path:
    """Return the file `folder/name` of the project, or else of the shipped library.

    Args:
        project_root: the project's folder, whose files override the library's; None outside a project.
        folder: like `filters/packs`.
        name: with or without `suffix`.
        suffix: like `.yaml`.

    Raises:
        SpecError: neither has it; names the nearest one.
    """
    roots = [root for root in (project_root, library_folder()) if root is not None]
    wanted = name if name.endswith(suffix) else name + suffix
    for root in roots:
        file = root / folder / wanted
        if file.is_file():
            return file
    known = sorted(names(project_root, folder, suffix))
    raise SpecError(
        f"no {name!r} in {folder}/ of the project or of the library{nearest(name, known)}; "
        f"there are: {', '.join(known) or 'none'}"
    )


def names(project_root: Path | None, folder: str, suffix: str) -> set[str]:
    """Return the names (without `suffix`) of the files in `folder` of the project and of the library."""
    roots = [root for root in (project_root, library_folder()) if root is not None]
    return {file.name.removesuffix(suffix) for root in roots for file in (root / folder).glob(f"*{suffix}")}
