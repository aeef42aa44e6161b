"""A fake of Prefect's events API that can be made to fail, and messages in S3's format."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote_plus

__all__ = ["FakePrefect", "await_true", "s3_message"]


class FakePrefect:
    """``answer`` returns the status for a request's events; after status 204 the events are in ``accepted``."""

    def __init__(self) -> None:
        self.answer: Callable[[list[dict[str, Any]]], int] = lambda events: 204
        self.requests: list[dict[str, Any]] = []
        self.accepted: list[dict[str, Any]] = []
        self.delay = 0.0

    @property
    def uris(self) -> list[str]:
        """The URIs of the reported objects, with duplicates."""
        return [event["payload"]["uri"] for event in self.accepted if event["event"] == "sightline.s3.object-created"]

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [event["payload"] for event in self.accepted if event["event"] == "sightline.s3.poison"]

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve inside the context, and yield the API's URL."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.requests.append({"path": self.path, "authorization": self.headers["Authorization"]})
                time.sleep(fake.delay)
                status = fake.answer(events)
                if status == 204:
                    fake.accepted += events
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def s3_message(key: str, etag: str = "d41d8cd98f00b204e9800998ecf8427e", bucket: str = "videos", **more: Any) -> str:
    """Return the message that S3 sends for an upload in one piece; ``more`` are fields of the object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-01-31T10:20:30.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A3NL1KOZZKExample"}, "arn": "arn:aws:s3:::x"},
            "object": {"key": quote_plus(key, safe="/"), "size": 1024, "eTag": etag, "sequencer": "0A1B2C3D4E5F678901"}
            | more,
        },
    }
    return json.dumps({"Records": [record]})


def await_true(condition: Callable[[], object], seconds: float = 20.0, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(pause)
