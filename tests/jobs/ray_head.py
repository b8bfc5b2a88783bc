"""A Ray head for tests: on loopback, with a token, apart from any other Ray of this machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import datamix

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class RayHead:
    """A running head.

    Args:
        address: of its job server.
        environment: for processes that talk to it.
    """

    address: str
    environment: dict[str, str]

    def datamix(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command line against this head."""
        command = [sys.executable, "-m", "datamix", *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def ray_head() -> Iterator[RayHead]:
    """Start a head, wait until it takes jobs, end exactly its processes."""
    folder = Path(tempfile.mkdtemp(prefix="dm", dir="/tmp"))  # short: a socket's path has 107 bytes
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {
        **inherited,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # binds every server to loopback
        "PYTHONPATH": str(Path(datamix.__file__).parents[1]),
    }
    dashboard, agent, metrics, client = _free_ports(4)
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats",
        "--node-ip-address=127.0.0.1", "--port=0", f"--temp-dir={folder}", "--num-cpus=2", "--num-gpus=0",
        f"--object-store-memory={80 * 1024**2}", "--include-dashboard=true", "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}",
        f"--metrics-export-port={metrics}", f"--ray-client-server-port={client}",
    ]  # fmt: skip
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _await_answer(process, dashboard, token.read_text(), folder / "start.log")
        yield RayHead(f"http://127.0.0.1:{dashboard}", environment)
    finally:
        _stop(process, folder)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _await_answer(process: subprocess.Popen[bytes], port: int, token: str, log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    status = None
    while status != HTTPStatus.OK:
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"Ray did not start (last answer: {status}): {log.read_text()[-2000:]}")
        time.sleep(0.3)
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", "/api/jobs/", headers={"Authorization": f"Bearer {token}"})
            status = connection.getresponse().status


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End the head: its own handler ends its children; what is left of this head's folder is killed by its id."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    until = time.monotonic() + STOP_TIMEOUT_S
    while (left := _processes_of(folder)) and time.monotonic() < until:
        time.sleep(0.2)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _processes_of(folder: Path) -> list[int]:
    """Return the processes whose environment names the head's own folder."""
    own = str(folder).encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if own in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found
