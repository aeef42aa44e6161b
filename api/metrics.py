"""The metrics of the service, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one app, in their own registry: two apps in one process are counted separately."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        common: dict[str, Any] = {"registry": self._registry, "namespace": "sightline"}
        self.requests = Counter("requests", "Requests with a response", ["method", "route", "status"], **common)
        self.seconds = Histogram(
            "request_seconds",
            "Seconds from a request to the end of its response",
            ["route"],
            buckets=_SECONDS,
            **common,
        )
        self.in_flight = Gauge("requests_in_flight", "Requests in progress", **common)
        self.refused = Counter("requests_refused", "Requests with an error response", ["reason"], **common)
        self.rejected = Counter("images_rejected", "Images that cannot be used", ["reason"], **common)
        self.batch = Histogram("batch_images", "Images per forward pass", ["model"], buckets=_IMAGES, **common)
        self.forward = Histogram("forward_seconds", "Seconds per forward pass", ["model"], buckets=_SECONDS, **common)
        self.queue = Gauge("queue_images", "Images waiting for a model", ["model"], **common)
        self.dropped = Counter("images_dropped", "Images whose caller disconnected too early", ["model"], **common)
        self.version = Gauge("model_version", "The version in use", ["model"], **common)
        self.swaps = Counter("model_loads", "Versions loaded", ["model"], **common)
        self.failures = Counter("model_load_failures", "Failed loads of a version", ["model"], **common)

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self._registry)
