"""The listener's health and metrics endpoints."""

from __future__ import annotations

import httpx
import pytest

from deployments.observability import Heartbeat, serve_health
from deployments.s3_events.metrics import ListenerMetrics


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)


def test_health_is_503_while_the_heartbeat_is_too_old() -> None:
    times = [0.0]
    heartbeat = Heartbeat(90, lambda: times[0])
    with serve_health("127.0.0.1", 0, heartbeat, ListenerMetrics()) as port:
        assert get(port, "/health").json()["status"] == "ok"
        times[0] = 91.0
        stalled = get(port, "/health")
        assert (stalled.status_code, stalled.json()["status"]) == (503, "stalled")
        heartbeat.beat()
        assert get(port, "/health").status_code == 200
        assert get(port, "/else").status_code == 404


def test_metrics_are_served_in_the_text_format() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    metrics = ListenerMetrics()
    metrics.received.inc(3)
    metrics.posted.labels("video").inc()
    with serve_health("127.0.0.1", 0, Heartbeat(5), metrics) as port:
        families = {family.name: family for family in text_string_to_metric_families(get(port, "/metrics").text)}
    assert families["sightline_s3_events_messages_received"].samples[0].value == 3
    assert {name.partition("_s3_events_")[0] for name in families} == {"sightline"}


def test_port_in_use_is_an_error() -> None:
    with (
        serve_health("127.0.0.1", 0, Heartbeat(5), ListenerMetrics()) as port,
        pytest.raises(OSError, match="Address already in use"),
        serve_health("127.0.0.1", port, Heartbeat(5), ListenerMetrics()),
    ):
        pytest.fail("the port was bound twice")
