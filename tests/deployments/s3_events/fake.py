"""A fake of the part of Prefect's API that the listener uses, and messages in the format of S3."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

__all__ = ["DEPLOYMENT", "FakePrefect", "await_true", "s3_message"]

DEPLOYMENT = "process-upload/media"


class FakePrefect:
    """One deployment, its runs, and events.

    ``answer_run`` and ``answer`` return the status for a new run and for events; they are stored after 201 and 204.
    """

    def __init__(self) -> None:
        self.answer_run: Callable[[dict[str, Any]], int] = lambda run: 201
        self.answer: Callable[[list[dict[str, Any]]], int] = lambda events: 204
        self.is_ready = True
        self.has_csrf = False
        self.token_seconds = 3600.0
        self.deployment: str | None = str(uuid.uuid4())
        self.requests: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.accepted: list[dict[str, Any]] = []
        self.delay = 0.0
        self._tokens: dict[str, tuple[str, datetime]] = {}

    @property
    def uris(self) -> list[str]:
        """The URIs of the uploads that have a run."""
        return [run["uri"] for run in self.runs.values()]

    @property
    def events(self) -> list[str]:
        """The URIs of the reported objects, with duplicates."""
        return [event["payload"]["uri"] for event in self.accepted if event["event"] == "sightline.s3.object-created"]

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [event["payload"] for event in self.accepted if event["event"] == "sightline.s3.poison"]

    def count(self, end: str) -> int:
        """Return the number of requests to paths with this end."""
        return sum(request["path"].partition("?")[0].endswith(end) for request in self.requests)

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def get(self, path: str) -> tuple[int, Any]:
        if path == "/api/ready":
            return (200, {}) if self.is_ready else (503, {})
        if path.startswith("/api/csrf-token"):
            if not self.has_csrf:
                return 422, {"detail": "CSRF protection is disabled."}
            [client] = parse_qs(urlsplit(path).query)["client"]
            token = uuid.uuid4().hex, datetime.now(UTC) + timedelta(seconds=self.token_seconds)
            self._tokens[client] = token
            return 200, {"client": client, "token": token[0], "expiration": token[1].isoformat()}
        if path == f"/api/deployments/name/{DEPLOYMENT}" and self.deployment:
            return 200, {"id": self.deployment, "name": "media"}
        return 404, {"detail": "Not found"}

    def post(self, path: str, headers: Any, body: Any) -> tuple[int, Any]:
        if self.has_csrf:
            token, expiration = self._tokens.get(headers["Prefect-Csrf-Client"], ("", datetime.min.replace(tzinfo=UTC)))
            if headers["Prefect-Csrf-Token"] is None:
                return 403, {"detail": "Missing CSRF token."}
            if headers["Prefect-Csrf-Token"] != token or expiration <= datetime.now(UTC):
                return 403, {"detail": "Invalid CSRF token or client identifier."}
        if path == "/api/events":
            status = self.answer(body)
            if status == 204:
                self.accepted += body
            return status, None
        if path != f"/api/deployments/{self.deployment}/create_flow_run":
            return 404, {"detail": "Deployment not found"}
        status = self.answer_run(body["parameters"])
        if status != 201:
            return status, {"detail": "the answer of the test"}
        key = body["idempotency_key"]
        if key in self.runs:
            status = 200
        self.runs.setdefault(key, body["parameters"])
        return status, {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, key)), "state": {"type": "SCHEDULED"}}

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve inside the context, and yield the API's URL."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._record()
                self._respond(*fake.get(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._record()
                time.sleep(fake.delay)
                self._respond(*fake.post(self.path, self.headers, body))

            def _record(self) -> None:
                fake.requests.append({"path": self.path, "authorization": self.headers["Authorization"]})

            def _respond(self, status: int, document: Any) -> None:
                body = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

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
