"""The Prometheus metrics of the listener."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["ListenerMetrics"]

_LAG_BUCKETS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)  # seconds


class ListenerMetrics:
    """The Prometheus metrics of one listener."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        name = "sightline_s3_events_{}".format
        self.received = Counter(name("messages_received"), "Messages received from the queue.", registry=registry)
        self.deleted = Counter(name("messages_deleted"), "Messages processed and deleted.", registry=registry)
        self.poison = Counter(name("messages_poison"), "Messages with an invalid record.", registry=registry)
        self.invalid = Counter(name("records_invalid"), "Invalid records received.", registry=registry)
        self.returned = Counter(
            name("messages_returned"), "Messages returned to the queue on shutdown.", registry=registry
        )
        self.posted = Counter(
            name("objects_posted"), "Objects that have a flow run and an event.", ["kind"], registry=registry
        )
        self.ignored = Counter(name("objects_ignored"), "Objects that match no upload rule.", registry=registry)
        self.failures = Counter(name("failures"), "Failed requests.", ["service"], registry=registry)
        self.up = Gauge(name("up"), "Whether the last request succeeded.", ["service"], registry=registry)
        self.held = Gauge(name("messages_held"), "Messages whose flow runs may not exist yet.", registry=registry)
        self.lag = Histogram(
            name("lag_seconds"),
            "Time from an object's creation to the deletion of its message.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self._registry)
