"""Kernels that allocate nothing, without the cost of counting references to their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from datamix.kernels.compile import kernel

F = TypeVar("F", bound=Callable[..., Any])


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
