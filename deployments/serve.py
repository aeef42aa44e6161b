"""``make ui``: a Prefect server on this machine, and every flow of the catalogue ready to run from its form."""

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
from flows.catalogue import CATALOGUE, FlowEntry
from flows.terminal import set_prefect_defaults

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["main", "serve_flows", "server"]

HOST = "127.0.0.1"  # the server has no login
DEFAULT_PORT = 4200
DEFAULT_HOME = Path("data/prefect")  # apart from ~/.prefect, whose profile may point at another server

_SECONDS_TO_START = 240
_SECONDS_TO_STOP = 20
_RUNS_AT_ONCE = 2  # a run uses several cores


class ServerNotStarted(Exception):
    """The server's port is taken, or it did not answer."""


def main() -> None:
    """Start the server and serve the flows until Ctrl-C. The port is ``PORT``, 4200 by default."""
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
    """Run a Prefect server while inside; gives its address. Must come before Prefect is imported.

    Port 0 is any that is free. Its data are in ``PREFECT_HOME``, by default ``./data/prefect``. Raises
    ``ServerNotStarted``.
    """
    port = _free(port)
    url = f"http://{HOST}:{port}"
    set_prefect_defaults()
    home = Path(os.environ.setdefault("PREFECT_HOME", str(DEFAULT_HOME.absolute()))).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_API_URL"] = f"{url}/api"
    print(f"Starting a Prefect server on {url}; the first time takes half a minute or more.", file=sys.stderr)
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "prefect", "--no-prompt", "server", "start", "--host", HOST, "--port", str(port)],
        stdout=subprocess.DEVNULL,  # a banner
        # Ctrl-C stops the runs first: they tell the server how they ended.
        start_new_session=True,
    )
    try:
        _wait_until_healthy(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve_flows(catalogue: Sequence[FlowEntry], url: str) -> None:
    """Make a deployment of each flow, as ``prefect.yaml`` has it, and run what is asked for until Ctrl-C.

    Schedules are there, switched off: a machine that somebody sits at starts nothing by the clock unless it is told to.
    """
    from prefect import serve

    deployments = [_deployment(entry) for entry in catalogue]
    print(
        f"\n{url} has a form for each flow, under Deployments: {', '.join(entry.name for entry in catalogue)}\n"
        f"To see runs of the command line there too: export PREFECT_API_URL={url}/api\n"
        "Ctrl-C stops the server and the runs.\n",
        file=sys.stderr,
    )
    serve(*deployments, print_starting_message=False, pause_on_shutdown=False, limit=_RUNS_AT_ONCE)


def _deployment(entry: FlowEntry) -> RunnerDeployment:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.events import DeploymentTriggerTypes
    from prefect.schedules import Cron
    from pydantic import TypeAdapter

    spec = prefect_file.deployment(entry)
    limit = spec.get("concurrency_limit")
    deployment = entry.load().to_deployment(
        prefect_file.DEPLOYMENT,
        description=entry.summary,
        tags=list(entry.tags),
        concurrency_limit=ConcurrencyLimitConfig.model_validate(limit) if limit else None,
        schedules=[
            Cron(
                each["cron"],
                timezone=each["timezone"],
                slug=each["slug"],
                parameters=each.get("parameters", {}),
                active=False,
            )
            for each in spec.get("schedules", ())
        ],
        triggers=[TypeAdapter(DeploymentTriggerTypes).validate_python(each) for each in spec.get("triggers", ())],
    )
    return cast("RunnerDeployment", deployment)


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServerNotStarted(f"port {port} is taken: {error.strerror}. Try make ui PORT={port + 1}") from error
        return int(probe.getsockname()[1])


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerNotStarted(f"the server ended with status {process.returncode}; its last words are above")
        try:
            if httpx.get(f"{url}/api/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise ServerNotStarted(f"the server did not answer at {url} within {_SECONDS_TO_START} s")


if __name__ == "__main__":
    main()
