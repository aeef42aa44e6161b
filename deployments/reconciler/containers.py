"""The containers of flow runs on a Docker engine."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from docker.errors import DockerException, ImageNotFound, NotFound

from deployments import RUN_LABEL
from deployments.reconciler.decisions import Container
from docker import DockerClient  # type: ignore[attr-defined]  # mypy takes the folder docker/ for the package

__all__ = ["ENGINE_ERRORS", "RETENTION", "Engine"]

ENGINE_ERRORS = (DockerException, OSError)
RETENTION = timedelta(hours=24)
"""How long a stopped container can be inspected with ``docker logs``."""

_LIVE = frozenset({"running", "paused", "restarting"})
_CREATED = "created"
_START = timedelta(seconds=30)  # from the creation of a container until its worker must have started it
_GRACE = 10  # seconds from SIGTERM to SIGKILL
_TIMEOUT = 60  # seconds for one request, of which stopping takes the grace


class Engine:
    """The Docker engine of ``DOCKER_HOST``. Every method raises :data:`ENGINE_ERRORS`."""

    def __init__(self, label: str = RUN_LABEL) -> None:
        self._label = label
        self._client = DockerClient.from_env(timeout=_TIMEOUT)
        self._ended: dict[str, Container] = {}

    def owns(self, infrastructure_pid: str | None) -> bool:
        """Return whether the worker started the run's container here, or has not started it yet.

        Workers on several machines share a pool; each machine has a reconciler. The id begins with the address of the
        engine, so the machines need different values of ``DOCKER_HOST``.
        """
        return infrastructure_pid is None or infrastructure_pid.startswith(f"{self._client.api.base_url}:")

    def containers(self) -> list[Container]:
        """Return the containers of all runs."""
        listed = self._client.api.containers(all=True, filters={"label": self._label})
        containers = [container for item in listed if (container := self._container(item))]
        self._ended = {item.id: item for item in containers if item.exit_code is not None}
        return containers

    def has_image(self, name: str) -> bool:
        """Return whether the image is on this machine."""
        try:
            self._client.api.inspect_image(name)
        except ImageNotFound:
            return False
        return True

    def stop(self, container: str) -> None:
        """End the container with SIGTERM, then SIGKILL. It may have ended or been removed before."""
        with suppress(NotFound):
            self._client.api.stop(container, timeout=_GRACE)

    def remove_stopped(self, before: datetime) -> list[str]:
        """Remove the stopped containers created before a time, with their anonymous volumes; return their ids."""
        old = [item.id for item in self.containers() if not item.is_live and item.created < before]
        for container in old:
            with suppress(NotFound):
                self._client.api.remove_container(container, v=True)
        return old

    def _container(self, item: dict[str, Any]) -> Container | None:
        identifier, run = item["Id"], item["Labels"][self._label]
        created = datetime.fromtimestamp(item["Created"], UTC)
        if item["State"] in _LIVE:
            return Container(identifier, run, is_live=True, created=created)
        if item["State"] == _CREATED:
            return Container(identifier, run, datetime.now(UTC) - created < _START, created)
        if ended := self._ended.get(identifier):
            return ended
        try:
            state = self._client.api.inspect_container(identifier)["State"]
        except NotFound:  # It was removed in the meantime.
            return None
        if state["Status"] in _LIVE:
            return Container(identifier, run, is_live=True, created=created)
        return Container(identifier, run, False, created, state["ExitCode"], bool(state["OOMKilled"]))

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
