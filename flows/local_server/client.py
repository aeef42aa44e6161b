"""Using the local server in a command, and starting it again if it ends while the command runs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from flows.local_server.lifecycle import Say, replace, start, use
from flows.local_server.state import Folder, LocalServerError, ServerState

__all__ = ["earlier_database", "keeping_running", "using_server"]

_EARLIER = Path("data/prefect")
"""Where ``make ui`` kept its database, in the working folder, before there was a server for each user."""


@contextmanager
def using_server(folder: Folder, idle_minutes: float, say: Say) -> Iterator[ServerState]:
    """Provide a server of the installed version of Prefect during the block, and start one if none runs.

    It is started again, with the same address, if it ends unexpectedly. The client's requests wait for that.

    Args:
        folder: The server's files.
        idle_minutes: The time without use after which a server that is started here stops.
        say: Called with sentences about what is being waited for.

    Raises:
        LocalServerError: No server can be used.
    """
    folder.create()
    with closing(folder.users_lock()) as users:
        while True:
            replace(folder, say)
            users.share()
            state = use(folder, idle_minutes, say, earlier=earlier_database(folder))
            if state.prefect == version("prefect"):
                break
            users.release()
        with keeping_running(folder):
            yield state


def earlier_database(folder: Folder) -> Path | None:
    """Return the database of this project's runs before version 0.2, which a new one takes over, if it exists."""
    home = os.environ.get("PREFECT_HOME")
    path = (Path(home).expanduser() if home else _EARLIER).absolute() / "prefect.db"
    return path if path.exists() and path != folder.database else None


@contextmanager
def keeping_running(folder: Folder) -> Iterator[None]:
    """Start the server again during the block whenever it ends without having been stopped."""
    left = threading.Event()
    threading.Thread(target=_watch, args=(folder, left), daemon=True).start()
    try:
        yield
    finally:
        left.set()


def _watch(folder: Folder, left: threading.Event) -> None:
    with suppress(LocalServerError):  # the command reports what it cannot reach
        while True:
            lock = folder.server_lock()
            lock.wait_alone()  # the server has ended
            ended = folder.state()
            if ended is None or left.is_set():
                lock.close()
                return
            start(folder, lock, _report, idle_minutes=ended.idle_minutes)


def _report(text: str) -> None:
    print(f"sightline: {text}", file=sys.stderr)
