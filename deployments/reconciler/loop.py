"""The loop of the reconciler: passes over the runs, alerts about services, and removal of old containers."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Flag

from deployments.observability import Heartbeat
from deployments.reconciler import rendering
from deployments.reconciler.containers import ENGINE_ERRORS
from deployments.reconciler.probes import Finding, ServiceWatch
from deployments.reconciler.reconciler import Reconciler
from deployments.reconciler.server import SERVER_ERRORS
from sightline.errors import StorageError
from sightline.settings import settings
from tasks.alerts import relay_alerts

__all__ = ["QUEUE", "SERVER", "Loop"]

SERVER, QUEUE = "The Prefect server", "The queue of uploads"
_CLEANUP = 3600.0  # seconds between two removals of old containers

_logger = logging.getLogger("deployments.reconciler")


@dataclass
class Loop:
    """Reconciles every ``interval`` seconds until ``stop`` is set. No failure of another service ends it."""

    reconciler: Reconciler
    services: ServiceWatch
    heartbeat: Heartbeat
    stop: Flag
    interval: float
    now: Callable[[], datetime]

    def run(self) -> None:
        """Reconcile until ``stop`` is set."""
        cleaned: datetime | None = None
        while not self.stop.is_set():
            if not self.services.is_away(SERVER):
                try:
                    self._pass()
                    if cleaned is None or (self.now() - cleaned).total_seconds() >= _CLEANUP:
                        self.reconciler.remove_stopped()
                        cleaned = self.now()
                except (*SERVER_ERRORS, *ENGINE_ERRORS, StorageError) as error:
                    self.reconciler.metrics.failures.inc()
                    _logger.warning(
                        "A pass failed, and is repeated", extra={"reason": f"{type(error).__name__}: {error}"}
                    )
            self.heartbeat.beat()
            self.stop.wait(self.interval)

    def _pass(self) -> None:
        self.reconciler.server.refresh()
        self._adopt_channels()
        self.reconciler.available_since = self.services.since(SERVER)
        self.reconciler.run_once()
        while findings := self.services.findings:
            self._report(findings[0])
            findings.popleft()  # Only after it was sent: an error ends this pass.
        relay_alerts(_logger)

    def _report(self, finding: Finding) -> None:
        if finding.outage:
            self.reconciler.send(rendering.outage_alert(finding.service, finding.outage))
        if finding.condition:
            self.reconciler.send(rendering.service_alert(finding.service, finding.condition, self.now()))

    def _adopt_channels(self) -> None:
        """Send alerts through the channels of the flows, which the bootstrap stored in the work pools."""
        channels = self.reconciler.server.environment().get("ALERT_CHANNELS")
        if channels and os.environ.get("ALERT_CHANNELS") != channels:
            os.environ["ALERT_CHANNELS"] = channels
            settings.cache_clear()
            _logger.info("Alerts are sent to", extra={"channels": json.loads(channels)})
