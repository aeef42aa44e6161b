"""The parts of the system: requests to its server, and containers that are killed and started again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.docker.stack import ROOT, Stack, await_true, docker

__all__ = ["Components", "filters"]

_PATIENCE = 300  # seconds that this process waits for a server that is away
_ONE_SHOT = {"database-files", "secrets", "setup"}


@dataclass
class Components(Stack):
    """The system that ``make up`` started, with its parts.

    Requests of this process wait while the server is away: only the behaviour of the system is measured.
    """

    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.environment["COMPOSE_PROJECT_NAME"]

    def aws(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = super().aws(service)
        return self._clients[service]

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the server's API, and return its answer; wait while the server is away."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.request_once(method, path, body)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                is_away = not isinstance(error, httpx.HTTPStatusError) or error.response.status_code in (
                    500,
                    502,
                    503,
                    504,
                )
                if not is_away or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def request_once(self, method: str, path: str, body: Any = None) -> Any:
        with self.api as api:
            response = api.request(method, path, json=body, timeout=30).raise_for_status()
            return response.json() if response.content else None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.request("POST", path, body)

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def containers(self, service: str, *, stopped: bool = True) -> list[str]:
        """Return the containers of a service."""
        labels = filters(self._label, f"label=com.docker.compose.service={service}")
        return docker("ps", *(["--all"] if stopped else []), "--quiet", "--no-trunc", *labels).split()

    def kill(self, *services: str) -> None:
        """Kill the containers of the services with SIGKILL. The engine does not restart them."""
        ids = [container for service in services for container in self.containers(service, stopped=False)]
        assert ids, f"no container of {services} is running"
        docker("kill", *ids)

    def start(self, *services: str) -> None:
        """Start the containers of the services again, and wait until the system can be used."""
        docker("start", *[container for service in services for container in self.containers(service)])
        self.await_ready()

    def await_ready(self, seconds: float = 180) -> None:
        """Wait until the server and S3 answer."""
        await_true(self._is_ready, seconds, "the server and S3 answer")

    def _is_ready(self) -> bool:
        try:
            self.request_once("GET", "/ready")
            self.s3.list_buckets()
        except Exception:  # Whatever a service answers while it starts: it is not ready.
            return False
        return True

    @contextmanager
    def outage(self, *services: str, seconds: float) -> Iterator[None]:
        """Kill the services, execute the block while they are away, and start them again after ``seconds``."""
        self.kill(*services)
        until = time.monotonic() + seconds
        try:
            yield
            time.sleep(max(0.0, until - time.monotonic()))
        finally:
            self.start(*services)

    def compose(self, *arguments: str) -> str:
        """Run a command of Docker Compose."""
        is_plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
        command = ["docker", "compose"] if is_plugin else ["docker-compose"]
        environment = {**os.environ, **self.environment, "SIGHTLINE_ENV_FILE": self.environment["ENV"]}
        completed = subprocess.run(
            [*command, "--env-file", self.environment["ENV"], *arguments],
            check=False, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert completed.returncode == 0, completed.stdout[-5000:]
        return completed.stdout

    def start_all(self) -> None:
        """Start and unpause all services that are stopped."""
        template = '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}}'
        for line in docker("ps", "--all", *filters(self._label), "--format", template).splitlines():
            container, service, state = line.split()
            if service not in _ONE_SHOT and state in ("exited", "paused"):
                docker("start" if state == "exited" else "unpause", container)
        self.await_ready()

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"


def filters(*texts: str) -> Iterable[str]:
    """Yield the options of a Docker command that restrict it to what has all of these properties."""
    for text in texts:
        yield from ("--filter", text)
