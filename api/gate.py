"""What every request passes before anything of it is looked at: the key, the load, the size and the time."""

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

__all__ = ["KEY_HEADER", "OPEN_PATHS", "Gate"]

KEY_HEADER = "X-API-Key"
OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/health", "/ready"})
"""What needs no key: it tells nothing of anybody's images."""

_BODY_SECONDS = 30.0  # for a whole request to arrive
_LINGER_SECONDS = 2.0  # in which what is left of one that is too long is thrown away


class Gate:
    """ASGI middleware. Of a request that is turned away nothing is read but its head.

    The body is read here, so that it is measured as it arrives, whatever its head says of it, and so that a caller who
    hangs up is noticed: the work for that request is cancelled.
    """

    def __init__(self, app: ASGIApp, config: Settings, metrics: Metrics) -> None:
        self._app = app
        self._keys = [key.get_secret_value().encode() for key in config.api_keys]
        self._max_bytes, self._max_requests = config.api_max_body_bytes, config.api_max_requests
        self._metrics = metrics
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or what else a server tells an application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if not await self._admit(scope, receive, noting):
                status = 499  # nginx's number for a caller who closed the connection
        finally:
            # The routes are a fixed list, and so are these labels; a stranger's paths are not.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "none"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer the request; whether its caller was there until the end."""
        counted = scope["path"] not in OPEN_PATHS
        self._in_flight += counted
        self._metrics.in_flight.set(self._in_flight)
        try:
            if counted:
                self._check(scope)
            body = await self._body(scope, receive)
            return body is not None and await self._answer(scope, receive, send, body)
        except Problem as problem:
            self._metrics.refused.labels(problem.reason).inc()
            await problem_response(problem)(scope, receive, send)
            return True
        finally:
            self._in_flight -= counted
            self._metrics.in_flight.set(self._in_flight)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        by_browser = scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
        key = headers.get(KEY_HEADER.lower().encode(), b"") or (_password(headers) if by_browser else b"")
        # Every key is compared with, so that the time says nothing of which one came close.
        if self._keys and not sum(hmac.compare_digest(key, each) for each in self._keys):
            detail = f"the key in {KEY_HEADER} is none of this service's" if key else f"send a key in {KEY_HEADER}"
            # A browser asks its user for a name, which does not matter, and a password, which is the key.
            scheme = 'Basic realm="sightline: the password is an API key", charset="UTF-8"' if by_browser else "ApiKey"
            raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": scheme})
        if self._in_flight > self._max_requests:
            raise Problem(503, "overloaded", "too many requests are being worked at", headers={"Retry-After": "1"})

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None where the caller hangs up."""
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
            detail = f"the request had not arrived whole after {_BODY_SECONDS:g} seconds"
            raise Problem(408, "too_slow", detail, headers={"Connection": "close"}) from error
        raise await self._too_large(receive)

    async def _too_large(self, receive: Receive) -> Problem:
        # A connection that is closed on what is still being sent is reset, and the answer may be lost with it.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        detail = f"the request has more than {self._max_bytes} bytes, which is the limit"
        return Problem(413, "body_too_large", detail, headers={"Connection": "close"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> bool:
        gone = asyncio.ensure_future(_until_disconnected(receive))
        message: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal message
            if message is not None:
                found, message = message, None
                return found
            return await asyncio.shield(gone)

        work = asyncio.ensure_future(self._app(scope, replay, send))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                return False
            work.result()
            return True
        finally:
            work.cancel()
            gone.cancel()


def _password(headers: dict[bytes, bytes]) -> bytes:
    """What a browser sends of what its user has typed; nothing where it sends something else."""
    scheme, _, encoded = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def _until_disconnected(receive: Receive) -> Message:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message
