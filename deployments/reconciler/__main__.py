"""``python -m deployments.reconciler``: reconcile until SIGTERM or Ctrl-C; settings come from the environment."""

from __future__ import annotations

import logging
import os
import sys
from threading import Event as Flag

from deployments.observability import Heartbeat, serve_health
from deployments.secrets import resolve_secret
from deployments.service import run_service, server_url
from sightline.clock import now_in_utc
from sightline.settings import Settings

__all__ = ["main"]

_STALLED = 600.0  # seconds; a pass that stops many containers takes a while
_PROBE_INTERVAL = 5.0  # seconds

_logger = logging.getLogger("deployments.reconciler")


def main() -> int:
    """Run the reconciler. Return 0 after a signal, 2 for invalid settings."""
    return run_service("reconciler", _reconcile, _logger)


def _reconcile(config: Settings, stop: Flag) -> None:
    api_url = server_url(config)
    if auth := config.prefect_api_auth_string:  # Prefect reads the variable when it is imported.
        os.environ["PREFECT_API_AUTH_STRING"] = resolve_secret(auth.get_secret_value())
    from prefect.client.orchestration import get_client

    from deployments.reconciler.containers import Engine
    from deployments.reconciler.loop import QUEUE, SERVER, Loop
    from deployments.reconciler.metrics import ReconcilerMetrics
    from deployments.reconciler.probes import ServiceWatch, probe_queue, probe_server
    from deployments.reconciler.reconciler import Reconciler
    from deployments.reconciler.server import Server
    from tasks.alerts import post_alert

    probes = {SERVER: probe_server(api_url)}
    if config.s3_events_queue_url:
        probes[QUEUE] = probe_queue(config.s3_events_queue_url, now_in_utc)
    heartbeat, metrics, interval = Heartbeat(_STALLED), ReconcilerMetrics(), config.reconciler_interval_seconds
    with (
        serve_health(config.reconciler_health_host, config.reconciler_health_port, heartbeat, metrics) as port,
        ServiceWatch(probes, now_in_utc, _PROBE_INTERVAL) as services,
        Engine() as engine,
        get_client(sync_client=True) as client,
    ):
        _logger.info("Reconciling", extra={"api": api_url, "health_port": port, "interval": interval})
        reconciler = Reconciler(
            Server(client), engine, lambda alert: post_alert(alert, _logger), now_in_utc, config, metrics
        )
        Loop(reconciler, services, heartbeat, stop, interval, now_in_utc).run()


if __name__ == "__main__":
    sys.exit(main())
