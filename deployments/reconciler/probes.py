"""The services that the reconciler depends on, requested by a thread of its own, so that a blocked pass hides nothing.

Prefect's client waits while the gateway reports that the server is away; this thread does not.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Thread
from types import TracebackType
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from deployments.reconciler.conditions import Outage, OutageWatch, QueueWatch

__all__ = ["Finding", "Probe", "ServiceWatch", "probe_queue", "probe_server"]

_SHORTEST = timedelta(seconds=20)  # an outage that is reported
_TIMEOUT = 30.0  # seconds for one request; a busy server is slow, not away

_logger = logging.getLogger("deployments.reconciler")


class NoResponse(Exception):
    """A service did not respond as it does when it works."""


@dataclass(frozen=True)
class Finding:
    """An outage of a service that is over, or a condition of it that concerns people."""

    service: str
    outage: Outage | None = None
    condition: str | None = None


Probe = Callable[[], str | None]
"""Requests a service: returns a condition of it to report, or None; raises :class:`NoResponse`."""


def probe_server(api_url: str) -> Probe:
    """Return the probe of a Prefect server. It needs no login."""
    client = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def probe() -> str | None:
        try:
            response = client.get(f"{api_url.rstrip('/')}/health")
        except httpx.HTTPError as error:
            raise NoResponse(f"{type(error).__name__}: {error}") from error
        if response.is_server_error:
            raise NoResponse(f"status {response.status_code}")
        return None

    return probe


def probe_queue(url: str, now: Callable[[], datetime]) -> Probe:
    """Return the probe of the queue of uploads, which also reports messages that nobody receives."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    client, watch = boto3.client("sqs", config=config), QueueWatch()

    def probe() -> str | None:
        try:
            response: dict[str, Any] = client.get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        except (BotoCoreError, ClientError) as error:
            raise NoResponse(str(error)) from error
        return watch.check(int(response["Attributes"]["ApproximateNumberOfMessages"]), now())

    return probe


@dataclass
class ServiceWatch:
    """Requests services every ``interval`` seconds inside its context, and collects what concerns people.

    ``findings`` holds what was found, oldest first, until the caller removes it.
    """

    probes: Mapping[str, Probe]
    now: Callable[[], datetime]
    interval: float
    findings: deque[Finding] = field(default_factory=deque)
    _away: set[str] = field(default_factory=set)
    _since: dict[str, datetime] = field(default_factory=dict)
    _stop: Flag = field(default_factory=Flag)

    def is_away(self, service: str) -> bool:
        """Return whether the service did not respond to the last request."""
        return service in self._away

    def since(self, service: str) -> datetime | None:
        """Return since when the service responds; None if it never did."""
        return self._since.get(service)

    def _run(self) -> None:
        watches = {service: OutageWatch(_SHORTEST) for service in self.probes}
        while True:
            for service, probe in self.probes.items():
                self._request(service, probe, watches[service])
            if self._stop.wait(self.interval):
                return

    def _request(self, service: str, probe: Probe, watch: OutageWatch) -> None:
        try:
            condition = probe()
        except NoResponse as error:
            self._away.add(service)
            if watch.failed(str(error), self.now()):
                _logger.warning("A service does not respond", extra={"service": service, "reason": str(error)})
            return
        if service in self._away or service not in self._since:
            self._since[service] = self.now()
        self._away.discard(service)
        if outage := watch.responded(self.now()):
            _logger.warning("A service responds again", extra={"service": service, "since": str(outage.since)})
            self.findings.append(Finding(service, outage=outage))
        if condition:
            self.findings.append(Finding(service, condition=condition))

    def __enter__(self) -> ServiceWatch:
        self._thread = Thread(target=self._run, name="services", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2 * _TIMEOUT)
