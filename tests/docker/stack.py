"""The whole system in containers, seen from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent


def await_true(happened: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(1)
    return found


def docker(*arguments: str) -> str:
    """What Docker says to the command."""
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@dataclass
class Stack:
    """The system that ``make up`` has started, seen from outside."""

    environment: dict[str, str]
    ui: str
    """Where people's browsers find the Prefect UI."""
    auth: str
    """The user and the password of Prefect's API."""
    told: list[dict[str, Any]] = field(default_factory=list)
    """The alerts that came to the webhook."""

    @property
    def api(self) -> httpx.Client:
        user, _, password = self.auth.partition(":")
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.environment['PREFECT_PORT']}/api",
            auth=(user, password),
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
        done = subprocess.run(
            command, check=False, cwd=ROOT, env={**os.environ, **self.environment, "DOCKER_BUILDKIT": _buildkit()},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def post(self, path: str, body: dict[str, Any]) -> Any:
        with self.api as api:
            return api.post(path, json=body).raise_for_status().json()

    def get(self, path: str) -> Any:
        with self.api as api:
            return api.get(path).raise_for_status().json()

    def run(self, flow: str, **parameters: Any) -> str:
        """Start a run of the flow's deployment; its id."""
        deployment = self.get(f"/deployments/name/{flow}/media")["id"]
        made = self.post(f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def end_of(self, run: str, seconds: float = 400) -> dict[str, Any]:
        """The state that the run ended in."""
        ends = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        state = await_true(
            lambda: state if (state := self.get(f"/flow_runs/{run}")["state"])["type"] in ends else None,
            seconds,
            f"run {run} ends",
        )
        assert isinstance(state, dict)
        return state

    def runs(self, flow: str) -> list[dict[str, Any]]:
        found = self.post("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"})
        assert isinstance(found, list)
        return found

    def keys(self, bucket: str) -> dict[str, str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", [])}


def _buildkit() -> str:
    """BuildKit where the engine has it; the images need nothing of it."""
    found = subprocess.run(["docker", "buildx", "version"], check=False, capture_output=True).returncode == 0
    return "1" if found else "0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
