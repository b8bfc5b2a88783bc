"""Ray's token authentication, turned on before Ray is imported."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from datamix.errors import EngineError
from datamix.storage.files import private_folder


def ensure_token() -> None:
    """Turn Ray's token authentication on, and write a token where there is none.

    It lies where Ray looks, `~/.ray/auth_token`, or in the user's runtime folder where HOME can't be written. Call
    this before `import ray`, which reads mode and token once; set later, a local Ray waits 30 s for a server that
    refuses its own driver.

    Raises:
        EngineError: neither folder can be written, or the second is not this user's alone.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ:
        return
    token = Path.home() / ".ray" / "auth_token"
    try:
        _write_token(token)
    except OSError:
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"datamix-{os.getuid()}"
        token = runtime / "ray_token"
        try:
            private_folder(runtime)
            _write_token(token)
        except OSError as error:
            raise EngineError(
                f"no token for Ray can be kept in {token.parent} ({error.strerror}); set RAY_AUTH_TOKEN, or use "
                "`--engine local`, which does without Ray"
            ) from None
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)


def _write_token(token: Path) -> None:
    token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
