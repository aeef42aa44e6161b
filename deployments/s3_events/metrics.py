"""What the listener counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_LAGS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)


class Metrics:
    """The counters of one listener."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        name = "sightline_s3_events_{}".format
        self.received = Counter(name("messages_received"), "Messages of the queue.", registry=registry)
        self.deleted = Counter(name("messages_deleted"), "Messages that are dealt with.", registry=registry)
        self.poison = Counter(name("messages_poison"), "Messages that tell of nothing.", registry=registry)
        self.returned = Counter(name("messages_returned"), "Messages given back at a stop.", registry=registry)
        self.posted = Counter(
            name("objects_posted"), "Objects that the server was told of.", ["kind"], registry=registry
        )
        self.ignored = Counter(name("objects_ignored"), "Objects that no rule takes.", registry=registry)
        self.failures = Counter(name("failures"), "Requests that failed.", ["service"], registry=registry)
        self.up = Gauge(name("up"), "Whether the last request succeeded.", ["service"], registry=registry)
        self.held = Gauge(name("messages_held"), "Messages that the server has not taken yet.", registry=registry)
        self.lag = Histogram(
            name("lag_seconds"), "From an object to its event.", buckets=_LAGS, registry=registry
        )  # fmt: skip

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
