"""What the service counts, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """One app's figures, in a registry of their own: two apps in a process do not add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        kept: dict[str, Any] = {"registry": self._registry, "namespace": "sightline"}
        self.requests = Counter("requests", "Requests answered", ["method", "route", "status"], **kept)
        self.seconds = Histogram(
            "request_seconds", "From a request's head to its answer's end", ["route"], buckets=_SECONDS, **kept
        )
        self.in_flight = Gauge("requests_in_flight", "Requests being worked at", **kept)
        self.refused = Counter("requests_refused", "Requests answered with an error", ["reason"], **kept)
        self.rejected = Counter("images_rejected", "Images that could not be used", ["reason"], **kept)
        self.batch = Histogram("batch_images", "Images of a forward pass", ["model"], buckets=_IMAGES, **kept)
        self.forward = Histogram("forward_seconds", "A forward pass", ["model"], buckets=_SECONDS, **kept)
        self.queue = Gauge("queue_images", "Images waiting for a model", ["model"], **kept)
        self.dropped = Counter("images_dropped", "Images whose caller went away before their turn", ["model"], **kept)
        self.version = Gauge("model_version", "The version that answers", ["model"], **kept)
        self.swaps = Counter("model_loads", "Versions that were loaded", ["model"], **kept)
        self.failures = Counter("model_load_failures", "Loads of a version that failed", ["model"], **kept)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
