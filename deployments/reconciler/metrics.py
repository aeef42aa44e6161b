"""The Prometheus metrics of the reconciler."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

__all__ = ["ReconcilerMetrics"]


class ReconcilerMetrics:
    """The Prometheus metrics of one reconciler."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        name = "sightline_reconciler_{}".format
        self.passes = Counter(name("passes"), "Passes over all runs.", registry=registry)
        self.failures = Counter(name("failures"), "Passes that failed.", registry=registry)
        self.actions = Counter(name("actions"), "Actions on runs.", ["action"], registry=registry)
        self.due = Gauge(name("due_runs"), "Runs that are due and wait.", ["pool"], registry=registry)
        self.workers = Gauge(name("workers"), "Workers that report to the server.", ["pool"], registry=registry)

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self._registry)
