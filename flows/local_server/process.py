"""The process of the local server; ``flows.local_server.lifecycle`` starts it.

It inherits the server's lock, chooses its port, and reports on a pipe when it accepts requests, or why it cannot.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.local_server.database import create_database, is_current, keep_as_template, mark_current
from flows.local_server.state import HOST, Folder, LocalServerError, ServerState, machine

if TYPE_CHECKING:
    import uvicorn

__all__ = ["main"]

# Work pools, whose workers the foreman watches, exist only in containers. Runs of forms start when the runner of
# `make ui` asks for them; whether they are marked late is not shown anywhere else.
_UNUSED_SERVICES = ("FOREMAN", "LATE_RUNS")
# The server is idle most of the time, and Prefect's loops of five seconds would use 4 % of a core.
_LOOP_SECONDS = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
}
_ALLOCATIONS = 50_000  # between two collections of garbage; with Python's 700, they take a sixth of the start
_KEEP_ALIVE_SECONDS = 5
_NOT_STARTED = 3
_STOP_SECONDS = 5
_PROBES = {"/api/health", "/api/ready"}


def main() -> int:
    """Run the server until it is stopped or idle. The only argument is a JSON object of ``Arguments``."""
    arguments = json.loads(sys.argv[1])
    gc.set_threshold(_ALLOCATIONS)
    folder, ready = Folder(Path(arguments["folder"])), os.fdopen(arguments["ready"], "w")
    os.set_inheritable(arguments["lock"], False)
    # A group of its own has no terminal, but its leader may be sent these by name.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with folder.errors_named():
            _serve(folder, ready, arguments)
    except LocalServerError as error:
        with suppress(OSError):  # the command that waited was interrupted
            print(json.dumps({"error": str(error)}), file=ready, flush=True)
        return 1
    return 0


def _serve(folder: Folder, ready: Any, arguments: dict[str, Any]) -> None:
    with socket.socket() as listener:
        port = _bind(listener, arguments["port"])
        earlier = arguments["earlier"]
        is_new = not folder.database.exists() and not (earlier and Path(earlier).exists())
        prepared = create_database(folder.database, Path(earlier) if earlier else None)
        os.environ |= _environment(folder, port, prepared=prepared)
        import uvicorn
        from prefect.server.api.server import create_app

        usage = _Usage(create_app(final=True))
        idle_minutes = arguments["idle_minutes"]
        state = ServerState(
            os.getpid(), port, machine(), version("prefect"), datetime.now(UTC).isoformat("T", "seconds"), idle_minutes
        )

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    if not is_current(folder.database):
                        mark_current(folder.database)
                    if is_new and not prepared:
                        with suppress(OSError):  # only later first starts would be faster
                            keep_as_template(folder.database)
                    folder.write_state(state)
                    with suppress(OSError), ready:
                        print(json.dumps({"ready": True}), file=ready, flush=True)

        server = Server(
            uvicorn.Config(
                usage,
                log_level="warning",
                lifespan="on",
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        asyncio.run(_run(server, listener, usage, folder, idle_minutes))
        folder.remove_state()
        if not server.started:
            raise SystemExit(_NOT_STARTED)  # the log says why


async def _run(
    server: uvicorn.Server, listener: socket.socket, usage: _Usage, folder: Folder, idle_minutes: float | None
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    users = folder.users_lock()
    while not serving.done():
        await asyncio.wait([serving], timeout=None if idle_minutes is None else min(30.0, idle_minutes * 15))
        # The lock keeps commands out until the server has ended; then the first one starts another.
        if idle_minutes is not None and usage.idle_seconds() >= 60 * idle_minutes and users.try_alone():
            server.should_exit = True
            await asyncio.wait([serving])
    await serving


class _Usage:
    """An ASGI application that knows when the one inside was last used.

    An open connection, such as the events of a run or an open page of the UI, is use; probes of the server's health are
    not.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open = 0
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return the time since the end of the last request."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            self._last = time.monotonic()


def _bind(listener: socket.socket, port: int) -> int:
    """Bind the socket to ``port``, or if that is taken, to a free one; return it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.bind((HOST, 0))
    return int(listener.getsockname()[1])


def _environment(folder: Folder, port: int, *, prepared: bool) -> dict[str, str]:
    """Return the variables of the server. What it does not depend on can be set by the user."""
    defaults = _LOOP_SECONDS | {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _UNUSED_SERVICES}
    url = f"http://{HOST}:{port}"
    own = {
        "PREFECT_HOME": str(folder.path),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder.database}",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": folder.key(),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_UI_API_URL": f"{url}/api",
    }
    if prepared:
        own |= {
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
            "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
            # Otherwise every collection of blocks is imported, to find out that none is new.
            "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
        }
    return {name: os.environ.get(name, value) for name, value in defaults.items()} | own


if __name__ == "__main__":
    sys.exit(main())
