"""How kernels are compiled: two decorators, and a cache that can't go stale.

numba's own cache looks only at the file of the compiled function, so it serves stale code when a function that it
calls changes in another file, and it fails at import where the home folder is read-only. Here the cache lies in a
folder named by a hash of all kernel sources, numba's version and the processor, and is done without where no folder
can be written.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding  # type: ignore[import-untyped]
import numba

from datamix.storage.files import private_folder

F = TypeVar("F", bound=Callable[..., Any])


def sources_digest(folder: Path) -> str:
    """Return 16 hex digits that change with any source in `folder`, with numba, Python or the processor."""
    digest = hashlib.blake2b(digest_size=8)
    for source in sorted(folder.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    digest.update(f"{numba.__version__} {platform.python_version()} {llvmlite.binding.get_host_cpu_name()}".encode())
    return digest.hexdigest()


def _cache_folder() -> Path | None:
    """Return a writable folder for this set of kernel sources, or None where there is none."""
    base = os.environ.get("DATAMIX_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    shared = Path(tempfile.gettempdir()) / f"datamix-{os.getuid()}"
    digest = sources_digest(Path(__file__).parent)
    for root in (Path(base).expanduser() / "datamix", shared):
        folder = root / "kernels" / digest
        try:
            private_folder(root)  # numba unpickles what it finds there
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


_folder = _cache_folder()
if _folder is not None:
    numba.config.CACHE_DIR = str(_folder)  # type: ignore[attr-defined]


def kernel(function: F) -> F:
    """Compile `function` with numba: no bounds checks, no GIL, division as C does it, cached on disk where possible.

    Callers check lengths before a kernel is entered: inside, an index out of range is memory corruption.
    """
    compiled: F = numba.njit(function, nogil=True, cache=_folder is not None, boundscheck=False, error_model="numpy")
    return compiled


def lean_kernel(function: F) -> F:
    """Compile `function` as `kernel` does, and without numba's reference counts.

    numba counts a reference, atomically, for each array that is passed to another function, even a small one called
    for each word: half the time of a pass over text. A kernel without counts can't make arrays, slices that escape, or
    other objects on the heap; numba refuses it at compilation. Its caller provides the scratch memory.
    """
    compiled: Any = kernel(function)
    compiled.targetoptions["_nrt"] = False
    lean: F = compiled
    return lean
