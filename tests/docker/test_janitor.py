"""The janitor on a Docker engine."""

from __future__ import annotations

import uuid

import pytest

from deployments import janitor
from tests.docker.stack import docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]


def start(*options: str, command: str) -> str:
    """Start a container and return its id."""
    return docker("run", "--detach", *options, "sightline-small:local", "sh", "-c", command)


@pytest.mark.usefixtures("stack")
def test_only_stopped_containers_of_runs_are_removed_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logs of a crashed container must be readable for a day."""
    label = f"sightline-test-{uuid.uuid4().hex}"
    monkeypatch.setattr(janitor, "LABEL", label)
    ended, other = start("--label", f"{label}=1", command="true"), start(command="true")
    running = start("--label", f"{label}=2", command="sleep 60")
    try:
        docker("wait", ended, other)
        assert janitor.remove_stopped(24) == []
        assert janitor.remove_stopped(0) == [ended]
        assert janitor.remove_stopped(0) == []
    finally:
        docker("rm", "--force", other, running)
