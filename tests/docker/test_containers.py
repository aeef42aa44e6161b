"""The reconciler's view of the containers of a Docker engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from deployments.reconciler.containers import Engine
from tests.docker.stack import docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]


class Started:
    """Containers that a test starts, with a label of their own."""

    def __init__(self) -> None:
        self.label = f"sightline-test-{uuid.uuid4().hex}"
        self.ids: list[str] = []

    def __call__(self, run: str | None, command: str, *options: str, action: str = "run") -> str:
        labels = ["--label", f"{self.label}={run}"] if run else []
        detach = ["--detach"] if action == "run" else []
        image = "sightline-small:local"
        self.ids.append(docker(action, *detach, *labels, *options, image, "sh", "-c", command).splitlines()[-1])
        return self.ids[-1]


@pytest.fixture
def start(stack: object) -> Iterator[Started]:
    started = Started()
    yield started
    for container in started.ids:
        with suppress(Exception):
            docker("rm", "--force", "--volumes", container)


def test_containers_are_listed_with_how_they_ended(start: Started) -> None:
    live = start("one", "sleep 100")
    failed = start("two", "exit 3")
    killed = start("three", "sleep 100")
    greedy = start(
        "four", "python -c 'x = bytearray(1 << 30); x[::4096] = b\"x\" * len(x[::4096])'",
        "--memory", "64m", "--memory-swap", "64m",
    )  # fmt: skip
    start(None, "sleep 100")
    docker("kill", killed)
    docker("wait", failed, killed, greedy)
    with Engine(start.label) as engine:
        for _ in range(2):  # The second time, the ended ones are not inspected again.
            found = {item.run: item for item in engine.containers()}
            assert set(found) == {"one", "two", "three", "four"}
            assert (found["one"].id, found["one"].is_live) == (live, True)
            assert [found[run].exit_code for run in ("two", "three", "four")] == [3, 137, 137]
            assert [found[run].out_of_memory for run in ("two", "three", "four")] == [False, False, True]


def test_stopped_container_and_its_files_are_removed_after_a_day(start: Started) -> None:
    """The log of a crashed run can be read until then."""
    ended, running = start("one", "true", "--volume", "/files"), start("two", "sleep 100")
    other = start(None, "true")
    docker("wait", ended, other)
    volume = docker("inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", ended)
    with Engine(start.label) as engine:
        assert engine.remove_stopped(datetime.now(UTC) - timedelta(hours=24)) == []
        assert engine.remove_stopped(datetime.now(UTC) + timedelta(seconds=2)) == [ended]
        assert engine.remove_stopped(datetime.now(UTC) + timedelta(seconds=2)) == []
        assert [item.id for item in engine.containers()] == [running]
    assert volume not in docker("volume", "ls", "--quiet").split()
    assert docker("inspect", "--format", "{{.State.Status}}", other) == "exited"


def test_container_is_stopped_and_one_that_is_gone_is_no_error(start: Started) -> None:
    container = start("one", "sleep 100")
    with Engine(start.label) as engine:
        engine.stop(container)
        assert not engine.containers()[0].is_live
        docker("rm", container)
        engine.stop(container)


def test_images_and_runs_of_this_engine_are_recognised() -> None:
    with Engine() as engine:
        assert engine.has_image("sightline-small:local")
        assert not engine.has_image("sightline-small:no-such-tag")
        assert engine.owns(None)
        assert not engine.owns("http://docker-two:2375:1a2b")
