"""``python -m deployments.s3_events``: run the listener until SIGTERM or Ctrl-C; settings come from the environment."""

from __future__ import annotations

import logging
import sys
from threading import Event as Flag

from deployments.observability import Heartbeat, serve_health
from deployments.s3_events.listener import Backoff, Listener
from deployments.s3_events.metrics import ListenerMetrics
from deployments.s3_events.prefect_api import PrefectApi
from deployments.s3_events.sqs import AWS_ERRORS, Queue
from deployments.secrets import resolve_secret
from deployments.service import run_service, server_url
from sightline import storage
from sightline.alerts import Outbox
from sightline.errors import InvalidSetting
from sightline.settings import Settings
from sightline.uploads import UploadRules

__all__ = ["main"]

_HEARTBEAT_MARGIN = 30.0  # seconds; a listener that is silent this much longer than its longest pause is stalled

_logger = logging.getLogger("deployments.s3_events")


def main() -> int:
    """Run the listener. Return 0 after a signal, 1 if it cannot start, 2 for invalid settings."""
    return run_service("listener", _listen, _logger, (*AWS_ERRORS, OSError))


def _listen(config: Settings, stop: Flag) -> None:
    url = config.s3_events_queue_url
    if not url:
        raise InvalidSetting(
            "S3_EVENTS_QUEUE_URL is not set. Set it to the URL of the queue that receives the S3 notifications"
        )
    api_url = server_url(config)
    upload_rules = UploadRules.of(config)
    if not any(storage.uri_of(rule.root).startswith("s3://") for rule in upload_rules.rules):
        raise InvalidSetting(
            "No rule of UPLOAD_RULES refers to an S3 bucket, so every message would be dropped. Set VIDEO_BUCKET to "
            "the same s3:// URI as for the flows"
        )
    auth, key = config.prefect_api_auth_string, config.prefect_api_key
    backoff, metrics = Backoff(), ListenerMetrics()
    heartbeat = Heartbeat(backoff.longest + config.s3_events_wait_seconds + _HEARTBEAT_MARGIN)
    queue = Queue.open(
        url,
        config.s3_events_dead_letter_queue_url or None,
        config.s3_events_wait_seconds,
        config.s3_events_visibility_seconds,
    )
    with (
        PrefectApi(
            api_url,
            config.s3_events_deployment,
            resolve_secret(auth.get_secret_value()) if auth else None,
            resolve_secret(key.get_secret_value()) if key else None,
        ) as api,
        serve_health(config.s3_events_health_host, config.s3_events_health_port, heartbeat, metrics) as port,
    ):
        _logger.info(
            "Listening",
            extra={"queue": url, "dead_letters": queue.dead_letters, "api": api_url, "health_port": port},
        )
        Listener(queue, api, upload_rules, Outbox(config.outbox), heartbeat, metrics, stop, backoff).run()


if __name__ == "__main__":
    sys.exit(main())
