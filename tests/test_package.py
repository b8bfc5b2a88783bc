"""What ships: the wheel holds the library, finds it when unpacked, and the sdist builds the same wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = {"filters/packs": "*.yaml", "filters/models": "*", "mixtures": "*.yaml", "catalog": "**/*.sql"}


def build(source: Path, target: Path, kind: str) -> Path:
    """Build `source` as `sdist` or `wheel` with the build backend itself: no network, no environment of its own."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = target.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_wheel_ships_the_whole_library(wheel: Path) -> None:
    shipped = names(wheel)
    for folder, pattern in LIBRARY.items():
        files = [
            file for file in (ROOT / folder).glob(pattern) if file.is_file() and file.suffix not in (".py", ".pyc")
        ]
        assert files, folder
        for file in files:
            assert f"datamix/_library/{file.relative_to(ROOT).as_posix()}" in shipped


def test_wheel_leaves_out_how_the_models_were_made(wheel: Path) -> None:
    assert not [name for name in names(wheel) if name.startswith("datamix/_library/") and name.endswith(".py")]


def test_wheel_installs_one_package_and_no_tests(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert "datamix" in tops
    assert {top for top in tops if not top.endswith(".dist-info")} == {"datamix"}


def test_wheel_carries_license_and_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    (license_text,) = (text for name, text in texts.items() if name.endswith("LICENSE"))
    assert "Apache License" in license_text
    (entry_points,) = (text for name, text in texts.items() if name.endswith("entry_points.txt"))
    assert "datamix = datamix.cli:main" in entry_points


def test_unpacked_wheel_finds_its_library(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            archive.extract(name, tmp_path)
    code = (
        "from datamix.library import library_folder, names\n"
        "print(library_folder())\n"
        "print(sorted(names(None, 'filters/packs', '.yaml')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    folder, packs = done.stdout.splitlines()
    assert Path(folder) == tmp_path / "datamix" / "_library"
    assert "gopher-datatrove" in packs


def test_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (folder for folder in tmp_path.iterdir() if folder.name.startswith("datamix_pipeline-"))
    assert names(build(source, tmp_path / "again", "wheel")) == names(wheel)
