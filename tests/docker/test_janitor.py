"""The janitor, on a Docker engine."""

from __future__ import annotations

import uuid

import pytest

from deployments import janitor
from tests.docker.stack import docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]


def start(*options: str, command: str) -> str:
    """The id of a new container."""
    return docker("run", "--detach", *options, "sightline-small:local", "sh", "-c", command)


@pytest.mark.usefixtures("stack")
def test_only_what_has_ended_long_enough_ago_and_was_a_run_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its logs are all that is left of a run whose machine failed it: they stay for a day."""
    label = f"sightline-test-{uuid.uuid4().hex}"
    monkeypatch.setattr(janitor, "LABEL", label)
    ended, other = start("--label", f"{label}=1", command="true"), start(command="true")
    running = start("--label", f"{label}=2", command="sleep 60")
    try:
        docker("wait", ended, other)
        assert janitor.remove_ended(24) == []
        assert janitor.remove_ended(0) == [ended]
        assert janitor.remove_ended(0) == []
    finally:
        docker("rm", "--force", other, running)
