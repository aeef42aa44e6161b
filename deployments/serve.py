"""``make ui``: a local Prefect server with a form for every flow of the catalogue."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

from deployments import prefect_file
from flows.catalogue import CATALOGUE, Concurrency, FlowEntry
from flows.local_server import (
    HOST,
    Folder,
    LocalServerError,
    Lock,
    default_folder,
    earlier_database,
    keeping_running,
    start,
    stop,
)
from flows.terminal import set_prefect_defaults

if TYPE_CHECKING:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["main", "serve_flows", "server"]

DEFAULT_PORT = 4200

_MAX_CONCURRENT_RUNS = 2  # a run uses several cores
_START_SECONDS = 600  # a run that has not started by then loses its concurrency slot


class ServerNotStarted(Exception):
    """The server's port or its database is in use, or the server did not start."""


def main() -> None:
    """Start the server on ``PORT``, by default 4200, and serve the flows until Ctrl-C."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    try:
        with server(int(os.environ.get("PORT") or DEFAULT_PORT)) as url:
            serve_flows(CATALOGUE, url, login=os.environ["PREFECT_API_AUTH_STRING"])
    except ServerNotStarted as error:
        sys.exit(f"make ui: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


@contextmanager
def server(port: int = 0) -> Iterator[str]:
    """Run the local Prefect server inside the context, and yield its URL. Enter it before Prefect is imported.

    Commands use this server too. Port 0 chooses a free port. Raises ``ServerNotStarted``.
    """
    port = _available_port(port)
    set_prefect_defaults()
    folder = default_folder()
    earlier = earlier_database(folder)
    try:
        folder.create()
        with closing(folder.users_lock()) as users:
            lock = _free_lock(folder)
            users.share()
            state = start(folder, lock, _say, idle_minutes=None, port=port, earlier=earlier)
            os.environ |= {"PREFECT_API_URL": state.api_url, "PREFECT_API_AUTH_STRING": folder.key()}
            if earlier and (results := earlier.with_name("storage")).exists():
                # Suspended reviews continue with what they have stored there.
                os.environ.setdefault("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(results))
            try:
                with keeping_running(folder):
                    yield state.url
            finally:
                stop(folder)
    except LocalServerError as error:
        raise ServerNotStarted(str(error)) from error


def _free_lock(folder: Folder) -> Lock:
    """Return the server's lock. A server that commands have started, and that none uses, is stopped."""
    with closing(folder.users_lock()) as users:
        if not users.try_alone():
            raise ServerNotStarted(
                f"commands use the local server, and only one server can use {folder.database}. Wait for them, "
                "stop it with sightline server stop, or set PREFECT_HOME to another folder"
            )
        stop(folder)
        lock = folder.server_lock()
        lock.wait_alone()
        return lock


def _say(text: str) -> None:
    print(f"sightline: {text}", file=sys.stderr)


def serve_flows(catalogue: Sequence[FlowEntry], url: str, *, login: str) -> None:
    """Create the deployments of ``prefect.yaml`` on the server, and execute their runs until Ctrl-C.

    ``login`` is what the pages at ``url`` ask for, which is printed.

    Schedules are created but inactive: on a workstation, scheduled runs start only after the user switches them on.
    """
    from prefect import serve

    deployments = [_deployment(entry) for entry in catalogue]
    print(
        f"\n{url} has a form for every flow, under Deployments: {', '.join(entry.name for entry in catalogue)}\n"
        f"Log in with {login}. The commands of this user use this server too.\n"
        "Ctrl-C stops the server and the runs.\n",
        file=sys.stderr,
    )
    serve(*deployments, print_starting_message=False, pause_on_shutdown=False, limit=_MAX_CONCURRENT_RUNS)


def _deployment(entry: FlowEntry) -> RunnerDeployment:
    from prefect.events import DeploymentTriggerTypes
    from prefect.schedules import Cron
    from pydantic import TypeAdapter

    spec = prefect_file.deployment(entry)
    deployment = entry.load().to_deployment(
        prefect_file.DEPLOYMENT,
        description=entry.summary,
        tags=list(entry.tags),
        concurrency_limit=_concurrency_limit(entry.concurrency) if entry.concurrency else None,
        schedules=[
            Cron(
                schedule["cron"],
                timezone=schedule["timezone"],
                slug=schedule["slug"],
                parameters=schedule.get("parameters", {}),
                active=False,
            )
            for schedule in spec.get("schedules", ())
        ],
        triggers=[TypeAdapter(DeploymentTriggerTypes).validate_python(trigger) for trigger in spec.get("triggers", ())],
    )
    return cast("RunnerDeployment", deployment)


def _concurrency_limit(concurrency: Concurrency) -> ConcurrencyLimitConfig:
    """Return the limit as a lease, which is safe here: the runs end when the server does."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    strategy = ConcurrencyLimitStrategy.CANCEL_NEW if concurrency.cancel_new else ConcurrencyLimitStrategy.ENQUEUE
    return ConcurrencyLimitConfig(
        limit=concurrency.limit, collision_strategy=strategy, grace_period_seconds=_START_SECONDS
    )


def _available_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServerNotStarted(f"port {port} is in use: {error.strerror}. Try make ui PORT={port + 1}") from error
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
