from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from datamix.engine.token import ensure_token
from datamix.errors import EngineError


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_a_token_is_written_once_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_token()
    token = tmp_path / ".ray" / "auth_token"
    first = token.read_text()
    assert len(first) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert os.environ["RAY_AUTH_MODE"] == "token"
    ensure_token()
    assert token.read_text() == first
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


def test_a_token_that_is_given_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    ensure_token()
    assert list(tmp_path.iterdir()) == []


def test_where_home_can_not_be_written_the_token_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ensure_token()
    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert token == tmp_path / f"datamix-{os.getuid()}" / "ray_token"
    assert token.parent.stat().st_mode & 0o777 == 0o700
    assert len(token.read_text()) == 64


def test_a_shared_folder_that_others_can_write_holds_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trap = tmp_path / f"datamix-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    with pytest.raises(EngineError, match=r"others can write it.* set RAY_AUTH_TOKEN"):
        ensure_token()
