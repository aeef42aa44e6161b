"""Checks of every request before it is processed: API key, load, size and time."""

from __future__ import annotations

import asyncio
import hmac
import time
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING

from api.problems import Problem, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.metrics import Metrics
    from sightline.settings import Settings

__all__ = ["KEY_HEADER", "OPEN_PATHS", "RequestGuard"]

KEY_HEADER = "X-API-Key"
OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/health", "/ready"})
"""Paths that need no key. They contain nothing about any image."""

_BODY_SECONDS = 30.0  # for a complete request to arrive
_LINGER_SECONDS = 2.0  # for discarding the rest of a request that is too long


class RequestGuard:
    """ASGI middleware that checks requests, and reads their bodies. Of a rejected request only the head is read.

    Reading the body here has two purposes: its size is measured as it arrives, independent of the stated length, and
    the work for a request is cancelled if its caller disconnects.
    """

    def __init__(self, app: ASGIApp, config: Settings, metrics: Metrics) -> None:
        self._app = app
        self._keys = [key.get_secret_value().encode() for key in config.api_keys]
        self._max_bytes, self._max_requests = config.api_max_body_bytes, config.api_max_requests
        self._metrics = metrics
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. Other ASGI events are passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_and_record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if not await self._admit(scope, receive, send_and_record_status):
                status = 499  # nginx's status for a caller who closed the connection
        finally:
            # The labels come from the fixed list of routes: callers can send any number of other paths.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "none"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Respond to the request, and return whether its caller stayed connected."""
        is_limited = scope["path"] not in OPEN_PATHS
        self._in_flight += is_limited
        self._metrics.in_flight.set(self._in_flight)
        try:
            if is_limited:
                self._check(scope)
            body = await self._body(scope, receive)
            return body is not None and await self._respond(scope, receive, send, body)
        except Problem as problem:
            self._metrics.refused.labels(problem.reason).inc()
            await problem_response(problem)(scope, receive, send)
            return True
        finally:
            self._in_flight -= is_limited
            self._metrics.in_flight.set(self._in_flight)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        by_browser = scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
        key = headers.get(KEY_HEADER.lower().encode(), b"") or (_password(headers) if by_browser else b"")
        # All keys are compared, so that the time does not reveal which one is similar.
        if self._keys and not sum(hmac.compare_digest(key, valid) for valid in self._keys):
            detail = f"the key in {KEY_HEADER} is not valid" if key else f"send a key in {KEY_HEADER}"
            # A browser asks its user for a name, which is ignored, and a password, which is the key.
            scheme = 'Basic realm="sightline: the password is an API key", charset="UTF-8"' if by_browser else "ApiKey"
            raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": scheme})
        if self._in_flight > self._max_requests:
            raise Problem(503, "overloaded", "too many requests are in progress", headers={"Retry-After": "1"})

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the complete body; None if the caller disconnects."""
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_bytes:
            raise await self._too_large(receive)
        content = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    content += message.get("body", b"")
                    if len(content) > self._max_bytes:
                        break
                    if not message.get("more_body"):
                        return bytes(content)
        except TimeoutError as error:
            detail = f"the request did not arrive completely within {_BODY_SECONDS:g} seconds"
            raise Problem(408, "too_slow", detail, headers={"Connection": "close"}) from error
        raise await self._too_large(receive)

    async def _too_large(self, receive: Receive) -> Problem:
        # Closing a connection on which data still arrives resets it, and the response may be lost.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        detail = f"the request is larger than the limit of {self._max_bytes} bytes"
        return Problem(413, "body_too_large", detail, headers={"Connection": "close"})

    async def _respond(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> bool:
        disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
        message: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal message
            if message is not None:
                request, message = message, None
                return request
            return await asyncio.shield(disconnected)

        work = asyncio.ensure_future(self._app(scope, replay, send))
        try:
            await asyncio.wait({work, disconnected}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                return False
            work.result()
            return True
        finally:
            work.cancel()
            disconnected.cancel()


def _password(headers: dict[bytes, bytes]) -> bytes:
    """Return the password that a browser sends, empty if there is none."""
    scheme, _, encoded = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def _wait_for_disconnect(receive: Receive) -> Message:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message
