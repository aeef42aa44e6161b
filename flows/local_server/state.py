"""The folder of a user's local server: its locks, its key, and where it listens.

A running server holds the lock of ``server.lock``, and every command that uses it shares that of ``users.lock``. The
system releases them when their process ends in any way, so neither can be stale, and the process id in ``state.json``
is only read while the first is held: it is never that of another process.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sightline.atomic import replacing
from sightline.errors import SightlineError

__all__ = ["HOST", "Folder", "LocalServerError", "Lock", "ServerState", "default_folder"]

HOST = "127.0.0.1"
_USER = "sightline"
_ANSWER_SECONDS = 30


class LocalServerError(SightlineError):
    """The local server cannot be used; the text names the file or the process, and the fix."""


@dataclass(frozen=True)
class ServerState:
    """A server that accepts requests.

    ``pid`` and ``machine`` identify the process, ``port`` is on loopback, ``prefect`` is the version of Prefect, and
    ``idle_minutes`` is the time without use after which it stops, None for never.
    """

    pid: int
    port: int
    machine: str
    prefect: str
    started: str
    idle_minutes: float | None

    @property
    def url(self) -> str:
        """The address of the UI."""
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """The value for PREFECT_API_URL."""
        return f"{self.url}/api"

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this machine: a home may be on a network file system."""
        return self.machine == machine()

    def answers(self) -> bool:
        """Return whether the server responds to requests."""
        connection = HTTPConnection(HOST, self.port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class Lock:
    """A lock of a file, held until ``close`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def fileno(self) -> int:
        """Return the file descriptor; a process that inherits it shares the lock."""
        return self._file.fileno()

    def try_alone(self) -> bool:
        """Take the lock for this process alone; return whether nobody else has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait_alone(self) -> None:
        """Take the lock for this process alone, as soon as nobody else has it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def share(self) -> None:
        """Take the lock together with others, as soon as nobody has it alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Release the lock; it can be taken again."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock, unless another process has inherited it."""
        self._file.close()


@dataclass(frozen=True)
class Folder:
    """The files of one local server. Only their owner can read them."""

    path: Path

    @property
    def database(self) -> Path:
        """Prefect's database."""
        return self.path / "prefect.db"

    @property
    def log(self) -> Path:
        """The server's warnings and errors."""
        return self.path / "server.log"

    @property
    def key_file(self) -> Path:
        """The login of the UI and the API."""
        return self.path / "key"

    def create(self) -> None:
        """Create the folder if it is missing. Raises ``LocalServerError``."""
        with self.errors_named():
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.chmod(0o700)

    def create_key(self) -> None:
        """Create the key if it is missing. The caller holds the server's lock."""
        with self.errors_named():
            if not self.key_file.exists():
                with replacing(self.key_file) as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(f"{_USER}:{secrets.token_urlsafe(24)}\n".encode())

    def key(self) -> str:
        """Return the value for PREFECT_API_AUTH_STRING."""
        with self.errors_named():
            return self.key_file.read_text("utf-8").strip()

    def server_lock(self) -> Lock:
        """Return the lock that a server holds while it runs or starts."""
        with self.errors_named():
            return Lock(self.path / "server.lock")

    def users_lock(self) -> Lock:
        """Return the lock that the commands share while they use the server."""
        with self.errors_named():
            return Lock(self.path / "users.lock")

    def state(self) -> ServerState | None:
        """Return the state of the server that runs or ended unexpectedly; None if it was stopped, or is starting."""
        try:
            return ServerState(**json.loads((self.path / "state.json").read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise LocalServerError(f"{self.path / 'state.json'} is damaged: {error}. Remove it") from error

    def write_state(self, state: ServerState) -> None:
        """Store the state of the server that this process is."""
        with replacing(self.path / "state.json") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(asdict(state)).encode())

    def remove_state(self) -> None:
        """Remove the state: the server that it describes does not run, or must not be started again."""
        (self.path / "state.json").unlink(missing_ok=True)

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Raise an ``OSError`` of the block as a ``LocalServerError`` with the file and the fix."""
        try:
            yield
        except OSError as error:
            raise LocalServerError(
                f"the local server needs {error.filename or self.path}: {error.strerror}. Make the folder {self.path} "
                "writable or free space there, set XDG_STATE_HOME to another folder, or set LOCAL_SERVER=temporary"
            ) from error


def default_folder() -> Folder:
    """Return ``sightline`` in PREFECT_HOME if that is set, else ``sightline/prefect`` in the user's state folder.

    Neither is the folder of ``prefect server start``, so that the two never share a database.
    """
    if home := os.environ.get("PREFECT_HOME"):
        return Folder(Path(home).expanduser().absolute() / "sightline")
    state = os.environ.get("XDG_STATE_HOME", "")
    root = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return Folder(root / "sightline" / "prefect")


def machine() -> str:
    """Return the name of this machine."""
    return socket.gethostname()
