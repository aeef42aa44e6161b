"""``/health`` and ``/metrics``, for whoever looks after the listener."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deployments.s3_events.metrics import Metrics

__all__ = ["Pulse", "serve_health"]


class Pulse:
    """When the listener last did what it is there for: looked at the queue, or tried the server that was away."""

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._last = now()

    def beat(self) -> None:
        """It is alive."""
        self._last = self._now()

    @property
    def age(self) -> float:
        """Seconds since it last was."""
        return self._now() - self._last

    @property
    def is_alive(self) -> bool:
        """Whether that is recent."""
        return self.age <= self._limit


@contextmanager
def serve_health(host: str, port: int, pulse: Pulse, metrics: Metrics) -> Iterator[int]:
    """Answer while inside; gives the port. 503 where the pulse is too old. Raises ``OSError`` for a port in use."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                told = {"status": "ok" if pulse.is_alive else "stalled", "seconds_since_last_look": round(pulse.age, 1)}
                self._answer(200 if pulse.is_alive else 503, "application/json", json.dumps(told).encode())
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics.text())
            else:
                self._answer(404, "text/plain", b"/health or /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """A health check every few seconds is not worth a line."""

    server = ThreadingHTTPServer((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
