"""``python -m deployments.reconciler``: reconcile until SIGTERM or Ctrl-C; settings come from the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
from threading import Event as Flag

from pydantic import ValidationError

from deployments.observability import Heartbeat, log_as_json, serve_health
from deployments.secrets import resolve_secret
from sightline.clock import now_in_utc
from sightline.errors import InvalidSetting, SightlineError
from sightline.settings import Settings, settings

__all__ = ["main"]

_INVALID_SETTINGS = 2
_STALLED = 600.0  # seconds; a pass that stops many containers takes a while
_PROBE_INTERVAL = 5.0  # seconds

_logger = logging.getLogger("deployments.reconciler")


def main() -> int:
    """Run the reconciler. Return 0 after a signal, 2 for invalid settings."""
    log_as_json()
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = settings()
        if not config.prefect_api_url:
            raise InvalidSetting(
                "PREFECT_API_URL is not set. Set it to the URL of the server's API, such as http://server:4200/api"
            )
        if auth := config.prefect_api_auth_string:  # Prefect reads the variable when it is imported.
            os.environ["PREFECT_API_AUTH_STRING"] = resolve_secret(auth.get_secret_value())
        _reconcile(config, config.prefect_api_url, stop)
    except (SightlineError, ValidationError) as error:
        _logger.critical("Invalid settings: %s", error)
        return _INVALID_SETTINGS
    _logger.info("Stopped")
    return 0


def _reconcile(config: Settings, api_url: str, stop: Flag) -> None:
    from prefect.client.orchestration import get_client

    from deployments.reconciler import service
    from deployments.reconciler.containers import Engine
    from deployments.reconciler.metrics import ReconcilerMetrics
    from deployments.reconciler.reconciler import Reconciler
    from deployments.reconciler.server import Server
    from deployments.reconciler.services import ServiceWatch, probe_queue, probe_server
    from tasks.alerts import post_alert

    probes = {service.SERVER: probe_server(api_url)}
    if config.s3_events_queue_url:
        probes[service.QUEUE] = probe_queue(config.s3_events_queue_url, now_in_utc)
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
        service.Service(reconciler, services, heartbeat, stop, interval, now_in_utc).run()


if __name__ == "__main__":
    sys.exit(main())
