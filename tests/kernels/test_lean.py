from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pytest

from datamix.kernels.compile import lean_kernel


@lean_kernel
def first(values: npt.NDArray[np.int64]) -> int:
    return values[0]  # type: ignore[no-any-return]


@lean_kernel
def passes_on(values: npt.NDArray[np.int64]) -> int:
    return first(values)


@lean_kernel
def allocates(n: int) -> npt.NDArray[np.int64]:
    return np.zeros(n, np.int64)


def test_no_references_are_counted() -> None:
    assert passes_on(np.array([7])) == 7
    (code,) = passes_on.inspect_llvm().values()  # type: ignore[attr-defined]
    assert "NRT_incref" not in code


def test_allocation_is_refused() -> None:
    with pytest.raises(numba.core.errors.NumbaError, match="empty"):
        allocates(3)
