"""The WSGI application: checks of a request, moto's response, and the store before the response is sent."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moto.sqs.models import Queue
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from deployments.local_aws.store import Store

__all__ = ["DurableApplication"]


class DurableApplication:
    """Moto, but a response is sent after the changes of its request are stored.

    One request is processed at a time, because moto checks and writes in separate steps. A request that waits for
    messages lets the others proceed.
    """

    def __init__(self, moto: Any, store: Store) -> None:
        self._moto, self._store = moto, store
        self._turn = threading.Condition()
        Queue.wait_for_messages = lambda _, timeout: self._turn.wait(timeout)  # type: ignore[assignment]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to one request."""
        if problem := _unsafe(environ):
            return _refuse(start_response, "403 Forbidden", "AccessDenied", problem)
        # The body is received first: a slow client must not delay the others.
        body = get_input_stream(environ).read()
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": True}
        head: tuple[Any, ...] = ()

        def record(status: str, headers: Any, *_: Any) -> None:
            nonlocal head
            head = (status, headers)

        with self._turn:
            content = list(self._moto(environ, record))
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                try:
                    self._store.write_changes()
                except OSError as error:
                    return _refuse(start_response, "503 Slow Down", "SlowDown", f"not stored: {error.strerror}")
                self._turn.notify_all()
        start_response(*head)
        return content


def _unsafe(environ: Mapping[str, Any]) -> str:
    """Return why the request is rejected, empty if it is not."""
    if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
        return "requests from browsers are not accepted"
    # A page is not recognised by these headers if its own host name resolves to this machine.
    host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
    if "." in host and not _is_address(host) and not host.endswith((".localhost", ".internal")):
        return f"the host {host} is not local"
    # Moto's own routes delete everything.
    return "this route is not accepted" if environ["PATH_INFO"].startswith("/moto-api") else ""


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ip_address(host)
        return True
    return False


def _refuse(start_response: Any, status: str, code: str, message: str) -> list[bytes]:
    """Respond with an error in S3's format."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
