"""Real local servers in folders of their own, and commands that use them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.local_server import Folder, ServerState, running

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = (sys.executable, "-m", "flows", "server")
TOYS = (sys.executable, "-m", "tests.flows.toy_cli")
STARTED = "sightline: starting a Prefect server"


@dataclass(frozen=True)
class Home:
    """The home of a user whose commands share a server."""

    path: Path

    @property
    def folder(self) -> Folder:
        return Folder(self.path / "state" / "sightline" / "prefect")

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the variables of the user's commands."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return {
            **own,
            "HOME": str(self.path),
            "XDG_STATE_HOME": str(self.path / "state"),
            "XDG_CACHE_HOME": str(self.path / "cache"),
            "LOCAL_SERVER": "persistent",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            **variables,
        }

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command as a terminal does, in a group of its own."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, preexec: Callable[[], None] | None = None, **variables: str) -> tuple[int, str, str]:
        """Run a command; return its exit status, output and errors."""
        completed = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            preexec_fn=preexec,
        )
        return completed.returncode, completed.stdout, completed.stderr

    def server(self) -> ServerState:
        state = running(self.folder)
        assert state
        return state


def kill(home: Home) -> ServerState:
    """Kill the server, and return what it was when all of its threads have ended."""
    state = home.server()
    os.kill(state.pid, signal.SIGKILL)
    assert ended(home)
    return state


def ended(home: Home, seconds: float = 60) -> bool:
    """Return whether the server ends within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if running(home.folder) is None:
            return True
        time.sleep(0.1)
    return False


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Return the lines on standard error up to the first one with the text."""
    assert process.stderr
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"the command ended without {text!r}: {''.join(lines)}")
