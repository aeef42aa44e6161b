"""JSON logs and a heartbeat of a service, and the HTTP server for its ``/health`` and ``/metrics``."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

__all__ = ["Heartbeat", "Metrics", "log_as_json", "serve_health"]

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Heartbeat:
    """The time of a service's last activity, such as a request or a retry.

    ``limit`` is the longest pause in seconds before the service counts as stalled.
    """

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._last = now()

    def beat(self) -> None:
        """Record activity now."""
        self._last = self._now()

    @property
    def age(self) -> float:
        """Seconds since the last activity."""
        return self._now() - self._last

    @property
    def is_alive(self) -> bool:
        """Whether the last activity is within the limit."""
        return self.age <= self._limit


class Metrics(Protocol):
    """The metrics of a service."""

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""


@contextmanager
def serve_health(host: str, port: int, heartbeat: Heartbeat, metrics: Metrics) -> Iterator[int]:
    """Serve ``/health`` and ``/metrics`` inside the context, and yield the port.

    ``/health`` responds with 503 if the heartbeat is too old. Raises ``OSError`` if the port is in use.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                is_alive = heartbeat.is_alive
                health = {
                    "status": "ok" if is_alive else "stalled",
                    "seconds_since_last_activity": round(heartbeat.age, 1),
                }
                self._respond(200 if is_alive else 503, "application/json", json.dumps(health).encode())
            elif self.path == "/metrics":
                self._respond(200, "text/plain; version=0.0.4; charset=utf-8", metrics.text())
            else:
                self._respond(404, "text/plain", b"Not found. Paths: /health, /metrics\n")

        def _respond(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing: health checks come every few seconds."""

    server = ThreadingHTTPServer((host, port), Handler)
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def log_as_json(level: int = logging.INFO) -> None:
    """Make every logger of the process write one JSON object per line; the keys of ``extra`` become fields."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("botocore", "httpx"):  # they log every request at INFO
        logging.getLogger(name).setLevel(logging.WARNING)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
