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
        self._port = port
        command = ["prefect", "--no-prompt", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        disabled = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _NOT_NEEDED}
        super().__init__(command, {**(environment or os.environ), **disabled, "PREFECT_HOME": str(home)})

    def start(self) -> None:
        """Start the server, and wait until it is healthy."""
        super().start()
        await_true(self._is_healthy, TIMEOUT, pause=0.2)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/api/health", trust_env=False).is_success
        except httpx.TransportError:
            return False
