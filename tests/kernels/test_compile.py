from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import pytest

from datamix.kernels import compile as compilation
from datamix.kernels.compile import kernel, sources_digest

REPORT = """\
import numba, numpy
from datamix.kernels.compile import kernel
import tests.kernels.one_kernel as one
assert one.total(numpy.arange(4)) == 6
print(numba.config.CACHE_DIR, sum(one.total.stats.cache_hits.values()), sep="|")
"""


@kernel
def quotients(values: npt.NDArray[np.float64], by: float) -> npt.NDArray[np.float64]:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = values[i] / by
    return out


def report(**environment: str) -> tuple[str, int]:
    """Compile and run a kernel in a new process; return its cache folder, and how often the cache served."""
    removed = ("DATAMIX_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**kept, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder, _, hits = done.stdout.strip().partition("|")
    return folder, int(hits)


def test_a_kernel_divides_as_c_does_and_keeps_the_gil_free() -> None:
    assert quotients(np.array([1.0, 0.0]), 0.0).tolist()[0] == np.inf
    assert quotients.targetoptions["nogil"]  # type: ignore[attr-defined]


def test_the_cache_serves_a_second_process(tmp_path: Path) -> None:
    folder, hits = report(DATAMIX_CACHE_DIR=str(tmp_path))
    assert (Path(folder).parent, hits) == (tmp_path / "datamix" / "kernels", 0)
    assert (tmp_path / "datamix").stat().st_mode & 0o077 == 0
    assert report(DATAMIX_CACHE_DIR=str(tmp_path)) == (folder, 1)


def test_where_home_can_not_be_written_the_cache_lies_in_the_temporary_folder(tmp_path: Path) -> None:
    folder, _ = report(HOME="/dev/null", TMPDIR=str(tmp_path))
    assert Path(folder).is_relative_to(tmp_path / f"datamix-{os.getuid()}" / "kernels")


def test_where_no_folder_can_be_trusted_kernels_compile_without_a_cache(tmp_path: Path) -> None:
    trap = tmp_path / f"datamix-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)  # what others can write, numba must not load
    assert report(HOME="/dev/null", TMPDIR=str(tmp_path)) == ("", 0)
    assert list(trap.iterdir()) == []


def test_the_cache_changes_with_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "kernels"
    shutil.copytree(Path(compilation.__file__).parent, sources, ignore=shutil.ignore_patterns("__pycache__"))
    digest = sources_digest(sources)
    assert digest == sources_digest(Path(compilation.__file__).parent)
    for source in sorted(sources.glob("*.py")):
        text = source.read_text()
        source.write_text(text + "\n")
        assert sources_digest(sources) != digest, source.name
        source.write_text(text)
    assert sources_digest(sources) == digest
    (sources / "new.py").touch()
    assert sources_digest(sources) != digest
    (sources / "new.py").unlink()
    monkeypatch.setattr(numba, "__version__", "0.0.0")
    assert sources_digest(sources) != digest
