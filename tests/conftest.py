"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"

# The first example of a property may compile kernels for seconds.
hypothesis.settings.register_profile("datamix", deadline=None)
hypothesis.settings.load_profile("datamix")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that needs it is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder (../shared/data) is absent")
    return SHARED
