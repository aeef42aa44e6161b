"""Processes that a test kills: a Prefect server with its own database, and others."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.deployments.s3_events.fake import await_true

__all__ = ["TIMEOUT", "Process", "Server", "free_port"]

TIMEOUT = 240.0  # seconds, for a machine that is busy with other tests
ROOT = Path(__file__).resolve().parents[3]
# Services of the server that the tests do not need; their writes to SQLite slow down the others.
_NOT_NEEDED = ("EVENT_PERSISTER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "SCHEDULER")
_DISABLED = (
    *(f"PREFECT_SERVER_SERVICES_{name}_ENABLED" for name in _NOT_NEEDED),
    "PREFECT_SERVER_UI_ENABLED",
    # What they do is in the database of :func:`tests.conftest.prefect_home`.
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START",
)


def free_port() -> int:
    """Return a port of loopback that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A process that can be killed and restarted."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._command = [sys.executable, "-m", *arguments], environment
        self.start()

    def start(self) -> None:
        """Start the process."""
        command, environment = self._command
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def restart(self) -> None:
        """Kill the process, and start it again."""
        self.close()
        self.start()

    def close(self) -> None:
        """Send SIGKILL to the process and its children."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Server(Process):
    """A Prefect server, with its database in ``home``."""

    def __init__(self, home: Path, port: int, environment: dict[str, str] | None = None) -> None:
        self._health = f"http://127.0.0.1:{port}/api/health"
        # As ``prefect server start``, which needs a second process with Prefect.
        app = "prefect.server.api.server:create_app"
        command = ["uvicorn", "--factory", app, "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
        disabled = dict.fromkeys(_DISABLED, "false")
        super().__init__(command, {**(environment or os.environ), **disabled, "PREFECT_HOME": str(home)})

    def start(self) -> None:
        """Start the server, and wait until it is healthy."""
        super().start()
        with httpx.Client(trust_env=False) as client:
            await_true(lambda: self._is_healthy(client), TIMEOUT, pause=0.2)

    def _is_healthy(self, client: httpx.Client) -> bool:
        try:
            return client.get(self._health).is_success
        except httpx.TransportError:
            return False
