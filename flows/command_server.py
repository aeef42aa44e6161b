"""The Prefect server of a command: the configured one, the user's local one, or a temporary one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sightline.errors import InvalidSetting

if TYPE_CHECKING:
    from prefect.settings import Settings

    from flows.local_server import ServerState
    from flows.waiting import Waiting

__all__ = ["command_server", "default_kind"]

_FULL_BYTES = 1 << 20


@contextmanager
def command_server(waiting: Waiting) -> Iterator[None]:
    """Provide a Prefect server during the block, according to PREFECT_API_URL and LOCAL_SERVER.

    Raises ``InvalidSetting`` if there is none, and ``LocalServerError`` if the local one cannot be used.
    """
    from prefect.settings import get_current_settings

    from sightline.settings import settings

    current = get_current_settings()
    if current.api.url:
        yield
        return
    kind = settings().local_server or default_kind(current)
    if kind == "off":
        raise InvalidSetting("there is no Prefect server: set PREFECT_API_URL, or LOCAL_SERVER=persistent")
    waiting.step("the Prefect server")
    if kind == "temporary":
        _start_temporary(current, waiting)
        yield
        return

    from flows.local_server import LocalServerError, default_folder, using_server

    folder = default_folder()
    with (
        using_server(folder, settings().local_server_idle_minutes, waiting.say) as state,
        _configured(state, folder.key()),
    ):
        try:
            yield
        except Exception as error:
            free = os.statvfs(folder.path)
            if free.f_bavail * free.f_frsize < _FULL_BYTES:
                raise LocalServerError(
                    f"the disk with {folder.database} is full. Free space, or set XDG_STATE_HOME to another folder"
                ) from error
            raise


def default_kind(current: Settings) -> Literal["persistent", "temporary", "off"]:
    """Return what LOCAL_SERVER is if it is not set, from Prefect's settings and the variable CI."""
    if not current.server.ephemeral.enabled:
        return "off"
    own = f"sqlite+aiosqlite:///{current.home}/prefect.db"
    connection = current.server.database.connection_url
    has_own_database = connection is None or connection.get_secret_value() == own
    is_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    return "temporary" if is_ci or not has_own_database else "persistent"


@contextmanager
def _configured(state: ServerState, key: str) -> Iterator[None]:
    """Make this process and those that it starts use the server."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    variables = {"PREFECT_API_URL": state.api_url, "PREFECT_API_AUTH_STRING": key}
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        with temporary_settings({PREFECT_API_URL: state.api_url, PREFECT_API_AUTH_STRING: key}):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_temporary(current: Settings, waiting: Waiting) -> None:
    """Let Prefect start its temporary server, shielded from Ctrl-C.

    The terminal interrupts every process of the group, but the server must outlive the run, which reports its end to
    it. A process inherits the signal mask of the thread that starts it.
    """
    from prefect.client.orchestration import get_client

    _create_temporary_database(current, waiting)
    failures: list[Exception] = []

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            get_client(sync_client=True)
        except Exception as error:
            failures.append(error)

    # Prefect's settings are in the context, which a new thread does not inherit.
    thread = threading.Thread(target=copy_context().run, args=(start,), daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _create_temporary_database(current: Settings, waiting: Waiting) -> None:
    from sqlalchemy.engine import make_url

    from flows.local_server import copy_template

    connection = current.server.database.connection_url
    if connection is None:
        return
    url = make_url(connection.get_secret_value())
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return
    path = Path(str(url.database))
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if not copy_template(path):
        # Prefect needs a while to create it, and prints nothing meanwhile.
        waiting.say(f"creating Prefect's database {path} (first start only)")
