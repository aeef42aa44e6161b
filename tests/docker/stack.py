"""The complete system in containers, used from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent


def await_true(condition: Callable[[], Any], seconds: float, description: str) -> Any:
    """Wait until the condition is true, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{description}: not within {seconds:.0f} s"
        time.sleep(1)
    return value


def docker(*arguments: str) -> str:
    """Run the Docker command and return its output."""
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def names_of(project: str) -> dict[str, str]:
    """Return the settings that separate a system from others on the same Docker engine."""
    return {
        "COMPOSE_PROJECT_NAME": project,
        "SIGHTLINE_NETWORK": project,
        "SIGHTLINE_CACHE": f"{project}-cache",
        "SIGHTLINE_FLOW_SECRETS": f"{project}-flow-secrets",
    }


class Login(httpx.BasicAuth):
    """Login to Prefect's API, with a CSRF token for each request that changes something."""

    requires_response_body = True

    def __init__(self, login: str) -> None:
        user, _, password = login.partition(":")
        super().__init__(user, password)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.method != "GET" and "Prefect-Csrf-Token" not in request.headers:
            client = str(uuid.uuid4())
            url = request.url.copy_with(path="/api/csrf-token", query=f"client={client}".encode())
            token_request = next(super().auth_flow(httpx.Request("GET", url)))
            response = yield token_request
            request.headers["Prefect-Csrf-Client"] = client
            request.headers["Prefect-Csrf-Token"] = response.raise_for_status().json()["token"]
        yield from super().auth_flow(request)


@dataclass
class Stack:
    """The system that ``make up`` started."""

    environment: dict[str, str]
    ui: str
    """The address of the Prefect UI for browsers."""
    auth: str
    """User and password of Prefect's API, joined by a colon."""
    alerts: list[dict[str, Any]] = field(default_factory=list)
    """The alerts that the webhook received."""
    output: str = ""
    """What ``make up`` printed at the first start."""

    @property
    def api(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.environment['PREFECT_PORT']}/api",
            auth=Login(self.auth),
            trust_env=False,
            timeout=300,
        )

    @property
    def s3(self) -> Any:
        return self.aws("s3")

    def aws(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.environment['AWS_PORT']}",
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def make(self, *arguments: str) -> str:
        command = ["make", *arguments, f"ENV={self.environment['ENV']}", "BUILD_FLAGS=--network=host --quiet"]
        completed = subprocess.run(
            command, check=False, cwd=ROOT, env={**os.environ, **self.environment, "DOCKER_BUILDKIT": _buildkit()},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert completed.returncode == 0, completed.stdout[-5000:]
        return completed.stdout

    def post(self, path: str, body: dict[str, Any]) -> Any:
        with self.api as api:
            return api.post(path, json=body).raise_for_status().json()

    def get(self, path: str) -> Any:
        with self.api as api:
            return api.get(path).raise_for_status().json()

    def run(self, flow: str, **parameters: Any) -> str:
        """Start a run of the flow's deployment, and return its id."""
        deployment = self.get(f"/deployments/name/{flow}/media")["id"]
        created = self.post(f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})
        return str(created["id"])

    def end_of(self, run: str, seconds: float = 400) -> dict[str, Any]:
        """Wait for the end of the run, and return its final state."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        state = await_true(
            lambda: state if (state := self.get(f"/flow_runs/{run}")["state"])["type"] in final else None,
            seconds,
            f"run {run} ends",
        )
        assert isinstance(state, dict)
        return state

    def runs(self, flow: str) -> list[dict[str, Any]]:
        runs = self.post("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"})
        assert isinstance(runs, list)
        return runs

    def containers(self, service: str) -> list[str]:
        """Return the containers of the service, also those that are stopped."""
        project = self.environment["COMPOSE_PROJECT_NAME"]
        labels = [f"--filter=label=com.docker.compose.{name}" for name in (f"project={project}", f"service={service}")]
        return docker("ps", "--all", "--quiet", *labels).split()

    def acquire(self, limit: str) -> str:
        """Create a concurrency limit of one, acquire it for an hour, and return the id of the lease."""
        self.post("/v2/concurrency_limits/", {"name": limit, "limit": 1})
        wanted = {"names": [limit], "slots": 1, "mode": "concurrency", "lease_duration": 3600}
        return str(self.post("/v2/concurrency_limits/increment-with-lease", wanted)["lease_id"])

    def renew(self, lease: str) -> bool:
        """Return whether the lease could be renewed; it cannot if the server has lost it."""
        with self.api as api:
            response = api.post(f"/v2/concurrency_limits/leases/{lease}/renew", json={"lease_duration": 3600})
        return response.is_success

    def keys(self, bucket: str) -> dict[str, str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}


def _buildkit() -> str:
    """Return the value of DOCKER_BUILDKIT: 1 if the engine has BuildKit, which the images do not require."""
    has_buildkit = subprocess.run(["docker", "buildx", "version"], check=False, capture_output=True).returncode == 0
    return "1" if has_buildkit else "0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
