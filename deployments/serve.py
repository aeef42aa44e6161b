"""``make ui``: a local Prefect server with a form for every flow of the catalogue."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx

from deployments import prefect_file
from flows.catalogue import CATALOGUE, Concurrency, FlowEntry
from flows.terminal import set_prefect_defaults

if TYPE_CHECKING:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["main", "serve_flows", "server"]

HOST = "127.0.0.1"  # the server has no authentication
DEFAULT_PORT = 4200
DEFAULT_HOME = Path("data/prefect")  # not ~/.prefect, whose profile may point to another server

_START_TIMEOUT = 240  # seconds
_STOP_TIMEOUT = 20
_MAX_CONCURRENT_RUNS = 2  # a run uses several cores
_START_SECONDS = 600  # a run that has not started by then loses its concurrency slot


class ServerNotStarted(Exception):
    """The server's port is in use, or the server did not respond."""


def main() -> None:
    """Start the server on ``PORT``, by default 4200, and serve the flows until Ctrl-C."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    try:
        with server(int(os.environ.get("PORT") or DEFAULT_PORT)) as url:
            serve_flows(CATALOGUE, url)
    except ServerNotStarted as error:
        sys.exit(f"make ui: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


@contextmanager
def server(port: int = 0) -> Iterator[str]:
    """Run a Prefect server inside the context, and yield its URL. Enter it before Prefect is imported.

    Port 0 chooses a free port. The server's data is in ``PREFECT_HOME``, by default ``./data/prefect``. Raises
    ``ServerNotStarted``.
    """
    port = _available_port(port)
    url = f"http://{HOST}:{port}"
    set_prefect_defaults()
    home = Path(os.environ.setdefault("PREFECT_HOME", str(DEFAULT_HOME.absolute()))).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_API_URL"] = f"{url}/api"
    print(f"Starting a Prefect server on {url}. The first start takes half a minute or more.", file=sys.stderr)
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "prefect", "--no-prompt", "server", "start", "--host", HOST, "--port", str(port)],
        stdout=subprocess.DEVNULL,  # a banner
        # Ctrl-C must not reach the server directly: the runs end first and report their state to it.
        start_new_session=True,
    )
    try:
        _wait_until_healthy(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve_flows(catalogue: Sequence[FlowEntry], url: str) -> None:
    """Create the deployments of ``prefect.yaml`` on the server, and execute their runs until Ctrl-C.

    Schedules are created but inactive: on a workstation, scheduled runs start only after the user switches them on.
    """
    from prefect import serve

    deployments = [_deployment(entry) for entry in catalogue]
    print(
        f"\n{url} has a form for every flow, under Deployments: {', '.join(entry.name for entry in catalogue)}\n"
        f"To see command-line runs there too: export PREFECT_API_URL={url}/api\n"
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


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerNotStarted(f"the server exited with status {process.returncode}; its errors are above")
        try:
            if httpx.get(f"{url}/api/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise ServerNotStarted(f"the server did not respond at {url} within {_START_TIMEOUT} s")


if __name__ == "__main__":
    main()
