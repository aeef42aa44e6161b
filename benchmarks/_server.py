"""A separate Prefect server for a benchmark, and its CPU time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BenchServer", "run_child", "serve"]


@dataclass(frozen=True)
class BenchServer:
    """A running server. ``environment`` makes a process use it."""

    environment: dict[str, str]
    pid: int

    def cpu_seconds(self) -> float:
        """Return the server's CPU time so far. Linux only."""
        ticks = [int(field) for field in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def wait_until_idle(self, limit: float = 300) -> float:
        """Wait until the server has processed its requests. Return the CPU seconds that it used meanwhile."""
        start, deadline = self.cpu_seconds(), time.monotonic() + limit
        while time.monotonic() < deadline:
            before = self.cpu_seconds()
            time.sleep(2)
            if self.cpu_seconds() - before < 0.1:
                return self.cpu_seconds() - start
        raise TimeoutError(f"the server was still busy after {limit:.0f} s")


@contextmanager
def serve() -> Iterator[BenchServer]:
    """Run a server with an empty database inside the context."""
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_HOME, temporary_settings

    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_HOME": home}
        with temporary_settings({PREFECT_HOME: Path(home)}):
            server = SubprocessASGIServer()
            server.start(timeout=120)
            assert server.server_process
            try:
                environment = {**os.environ, "PREFECT_API_URL": server.api_url, "PREFECT_LOGGING_LEVEL": "WARNING"}
                yield BenchServer(environment, server.server_process.pid)
            finally:
                server.stop()


def run_child(module: str, arguments: list[str], server: BenchServer) -> dict[str, Any]:
    """Run a part of a benchmark in another process, and return the JSON object that it prints last."""
    command = [sys.executable, "-m", module, *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, env=server.environment, check=False)
    if completed.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{completed.stderr[-3000:]}")
    return dict(json.loads(completed.stdout.splitlines()[-1]))
