"""Starting a server, and stopping the one that runs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from flows.local_server.database import template
from flows.local_server.state import Folder, LocalServerError, Lock, ServerState

__all__ = ["Say", "replace", "running", "start", "stop", "use"]

Say = Callable[[str], None]
"""Called, maybe repeatedly, with a sentence about what is being waited for."""

_START_SECONDS = 240.0  # another process may need it, on a busy machine
_SAY_SECONDS = 0.5
_STOP_SECONDS = 20.0
_REPLACE_SECONDS = 10.0
_PAUSE = 0.05
_LOG_BYTES = 5 << 20
_ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")  # the line of a traceback that says what is wrong
_ROOT = Path(__file__).resolve().parents[2]

# Of the user's settings, the server must not get those of clients, nor those of another database.
_CLIENT_VARIABLES = (
    "PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH",
    "PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_",
)  # fmt: skip


def use(folder: Folder, idle_minutes: float, say: Say, *, earlier: Path | None = None) -> ServerState:
    """Return the server of the folder, after starting it if none runs. The caller shares the users' lock.

    A server of another version of Prefect must be replaced before; see :func:`replace`.

    Raises ``LocalServerError`` if it cannot be started or does not respond.
    """
    begin = time.monotonic()
    while True:
        lock = folder.server_lock()
        if lock.try_alone():
            return start(folder, lock, say, idle_minutes=idle_minutes, earlier=earlier)
        lock.close()
        if state := folder.state():
            _require_here(folder, state)
            if state.answers():
                return state
        waited = time.monotonic() - begin
        if waited > _SAY_SECONDS:  # a shorter wait may be a look at the lock
            say("waiting for the Prefect server that another command starts")
        if waited > _START_SECONDS:
            raise LocalServerError(
                f"a process holds {folder.path / 'server.lock'}, but no server responds; its log is {folder.log}. "
                "End it with sightline server stop"
            )
        time.sleep(_PAUSE)


def start(
    folder: Folder,
    lock: Lock,
    say: Say,
    *,
    idle_minutes: float | None,
    port: int | None = None,
    earlier: Path | None = None,
) -> ServerState:
    """Start a server, and return when it accepts requests.

    Args:
        folder: The server's files.
        lock: The server's lock, which the caller holds alone; the server takes it over.
        say: Called once.
        idle_minutes: The time without use after which the server stops. None for never.
        port: By default that of a server that ended unexpectedly, whose commands still run; else a free one.
        earlier: A database whose content a new one takes over.
    """
    with closing(lock), folder.errors_named():
        ended = folder.state()
        folder.remove_state()
        folder.create_key()
        say(_announcement(folder, ended, idle_minutes, earlier))
        read, write = os.pipe()
        arguments = {
            "folder": str(folder.path),
            "lock": lock.fileno(),
            "ready": write,
            "port": port if port is not None else ended.port if ended and ended.is_here else 0,
            "idle_minutes": idle_minutes,
            "earlier": str(earlier.absolute()) if earlier else None,
        }
        with os.fdopen(read) as ready:
            try:
                _spawn(folder, arguments)
            finally:
                os.close(write)
            outcome = ready.readline()
    return _started(folder, outcome)


def _announcement(folder: Folder, ended: ServerState | None, idle_minutes: float | None, earlier: Path | None) -> str:
    if ended:
        return "the local Prefect server ended unexpectedly; starting it again"
    if folder.database.exists() or template().exists():
        database = ""
    elif earlier and earlier.exists():
        database = f" with the runs of {earlier}"
    else:
        database = f" and creating its database {folder.database}"
    end = f"; it stops after {idle_minutes:g} minutes without use, or by sightline server stop" if idle_minutes else ""
    return f"starting a Prefect server{database}, which later commands use too{end}"


def _spawn(folder: Folder, arguments: dict[str, object]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_CLIENT_VARIABLES)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    if folder.log.exists() and folder.log.stat().st_size > _LOG_BYTES:
        folder.log.unlink()
    with folder.log.open("ab") as log:
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "flows.local_server.process", json.dumps(arguments)],
            cwd=folder.path,  # not the user's: Prefect reads settings from files there
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(int(str(arguments["lock"])), int(str(arguments["ready"]))),
            start_new_session=True,  # Ctrl-C and the end of the terminal are for the command only
        )


def _started(folder: Folder, outcome: str) -> ServerState:
    report = json.loads(outcome) if outcome else {}
    if state := folder.state() if "ready" in report else None:
        return state
    if "error" in report:
        raise LocalServerError(str(report["error"]))
    raise LocalServerError(f"the local server did not start: {_last_error(folder)}; its log is {folder.log}")


def _last_error(folder: Folder) -> str:
    lines = folder.log.read_text("utf-8", "replace").splitlines() if folder.log.exists() else []
    return next((line[:300] for line in reversed(lines) if _ERROR.match(line)), "its process ended")


def running(folder: Folder) -> ServerState | None:
    """Return the server that runs, None if there is none or it is just starting."""
    if not folder.path.exists():
        return None
    with closing(folder.server_lock()) as lock:
        if lock.try_alone():
            return None
        return folder.state()


def replace(folder: Folder, say: Say) -> None:
    """Stop a server of another version of Prefect, if no command uses it. Raises ``LocalServerError`` if one does.

    The caller does not hold the users' lock.
    """
    deadline = time.monotonic() + _REPLACE_SECONDS
    with closing(folder.users_lock()) as users:
        while (state := running(folder)) and state.prefect != version("prefect"):
            if users.try_alone():
                say(f"replacing the local server of Prefect {state.prefect} by one of {version('prefect')}")
                stop(folder)
                return
            if time.monotonic() > deadline:
                raise LocalServerError(
                    f"commands use the local server of Prefect {state.prefect}, but this command has "
                    f"{version('prefect')}, and only one server can use {folder.database}. Wait for them, or end them "
                    "with sightline server stop"
                )
            time.sleep(_PAUSE)


def stop(folder: Folder) -> ServerState | None:
    """Stop the server that runs, and return it; None if there is none. Raises ``LocalServerError``."""
    if not folder.path.exists():
        return None
    with closing(folder.server_lock()) as lock:
        deadline, state, signalled = time.monotonic() + _START_SECONDS, None, 0.0
        while not lock.try_alone():
            found = folder.state()  # None while the server starts
            if found and _is_running(folder, found):
                state, signalled = found, time.monotonic()
                folder.remove_state()  # so that its commands do not start another one
                _signal(folder, state, signal.SIGTERM)
            elif state and time.monotonic() > signalled + _STOP_SECONDS:
                signalled = time.monotonic()
                _signal(folder, state, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise LocalServerError(f"a process holds {folder.path / 'server.lock'} and does not end")
            time.sleep(_PAUSE)
        folder.remove_state()
        return state


def _signal(folder: Folder, state: ServerState, number: signal.Signals) -> None:
    if _is_running(folder, state):
        with suppress(ProcessLookupError):
            os.kill(state.pid, number)


def _is_running(folder: Folder, state: ServerState) -> bool:
    """Return whether the process of the state is the folder's server, and not one that has got its number since."""
    _require_here(folder, state)
    if not Path("/proc/self").exists():
        return True  # macOS
    try:
        # Its only argument is a JSON object with the folder.
        return json.dumps(str(folder.path)).encode() in Path(f"/proc/{state.pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def _require_here(folder: Folder, state: ServerState) -> None:
    if not state.is_here:
        raise LocalServerError(
            f"the server of {folder.path} runs on {state.machine}, and only one server can use its database. Set "
            "XDG_STATE_HOME to a folder of this machine, or stop it there with sightline server stop"
        )
