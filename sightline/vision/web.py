"""Download of images from the web. An untrusted URL never leads to a private address."""

from __future__ import annotations

import time
from base64 import b64encode
from functools import cache
from ssl import SSLContext

import httpcore
import httpx

from sightline.hosts import host_of_url
from sightline.urls import shown_url
from sightline.vision.addresses import PublicNetwork
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected

__all__ = ["download"]

_REDIRECTS = 5
_ATTEMPTS, _DELAY = 3, 0.5
_TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 10.0}
_REDIRECT = frozenset((301, 302, 303, 307, 308))
_CONTENT = frozenset((200, 203))  # 203: a proxy has changed the answer, for example compressed the image
_REASONS = {
    **dict.fromkeys((404, 410), Reason.MISSING),
    **dict.fromkeys((401, 402, 403, 407, 451, 511), Reason.DENIED),
    # Another attempt may succeed. 202: the image is not ready yet.
    **dict.fromkeys((202, 408, 421, 423, 425, 429), Reason.UNREACHABLE),
    **dict.fromkeys((204, 205), Reason.EMPTY),
    206: Reason.TRUNCATED,
    **dict.fromkeys((501, 505, 506, 508, 510), Reason.BAD_RESPONSE),
}
_NOTES = {204: ", which has no content", 205: ", which has no content", 206: ", which has only a part of the file"}
_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


def download(url: str, limits: Limits) -> bytes:
    """Return the content at a URL, after at most five redirects, all of which must lead to public addresses.

    A user name and a password in the URL are sent as basic authentication (RFC 7617), as by browsers and curl: to the
    host, port and scheme that they belong to, and not to those of a redirect. If ``limits`` lists hosts for URLs, the
    URL and every redirect must name one of these. Transient failures are retried until the time limit. Raises
    :class:`Rejected`.
    """
    deadline = time.monotonic() + limits.seconds
    for attempt in range(_ATTEMPTS):
        try:
            return _follow(url, limits, deadline)
        except Rejected as rejected:
            delay = _DELAY * 2**attempt
            if rejected.reason is not Reason.UNREACHABLE or attempt == _ATTEMPTS - 1:
                raise
            if time.monotonic() + delay >= deadline:
                raise Rejected(
                    Reason.UNREACHABLE, f"{rejected.detail}; the time limit is {limits.seconds:g} seconds"
                ) from rejected
        time.sleep(delay)
    raise AssertionError("the last attempt returns or raises")


def _follow(url: str, limits: Limits, deadline: float) -> bytes:
    target = _parsed(url)
    for _ in range(_REDIRECTS + 1):
        response = _get(target, limits, deadline)
        if isinstance(response, bytes):
            return response
        target = _redirected(target, response)
    raise Rejected(Reason.BAD_RESPONSE, f"more than {_REDIRECTS} redirects, the last one to {shown_url(str(target))}")


def _redirected(source: httpx.URL, location: str) -> httpx.URL:
    target = _parsed(location, source)
    same = (target.scheme, target.host, _port(target)) == (source.scheme, source.host, _port(source))
    if same and source.userinfo and not target.userinfo:
        return target.copy_with(userinfo=source.userinfo)
    return target


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else 443 if url.scheme == "https" else 80


def _parsed(url: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        parsed = base.join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise Rejected(Reason.UNSUPPORTED_URI, f"{shown_url(url)!r} is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Rejected(Reason.UNSUPPORTED_URI, f"{shown_url(url)!r} is not an http:// or https:// URL")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        # The resolver would take its last 16 bits.
        raise Rejected(Reason.UNSUPPORTED_URI, f"{shown_url(url)!r}: the port {parsed.port} is not from 1 to 65535")
    return parsed


def _get(url: httpx.URL, limits: Limits, deadline: float) -> bytes | str:
    """Return the content, or the location of a redirect."""
    _check_allowed(url, limits)
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=_tls() if url.scheme == "https" else None,
                network_backend=PublicNetwork(limits.hosts, deadline),
            ) as pool,
            pool.stream(
                "GET",
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers={
                    "Host": url.netloc,
                    "User-Agent": "sightline",
                    "Accept": "image/*",
                    "Accept-Encoding": "identity",
                    **_authorization(url),
                },
                extensions={"timeout": _TIMEOUTS},
            ) as response,
        ):
            location = _header(response, b"location")
            if response.status in _REDIRECT and location:
                return location
            _check_status(response.status)
            _check_encoding(_header(response, b"content-encoding"))
            return _content(response, limits)
    except _ERRORS as error:
        raise Rejected(Reason.UNREACHABLE, f"{url.host}: {error or type(error).__name__}") from error


def _authorization(url: httpx.URL) -> dict[bytes | str, bytes | str]:
    if not url.userinfo:
        return {}
    return {"Authorization": f"Basic {b64encode(f'{url.username}:{url.password}'.encode()).decode()}"}


def _check_allowed(url: httpx.URL, limits: Limits) -> None:
    if limits.urls is None:
        return
    try:
        host = host_of_url(url.raw_host.decode("ascii"))
    except ValueError as error:
        raise Rejected(Reason.NOT_ALLOWED, str(error)) from error
    default = 443 if url.scheme == "https" else 80
    names = [f"{host}:{default if url.port is None else url.port}", *([host] if url.port is None else [])]
    if limits.urls.isdisjoint(names):
        raise Rejected(Reason.NOT_ALLOWED, f"the host {names[-1]!r} is not on the list of allowed hosts")


def _content(response: httpcore.Response, limits: Limits) -> bytes:
    too_large = Rejected(Reason.TOO_LARGE, f"the file has more bytes than the limit, {limits.bytes}")
    length = _header(response, b"content-length")
    if length.isascii() and length.isdigit() and int(length) > limits.bytes:
        raise too_large
    content = bytearray()
    for block in response.iter_stream():
        content += block
        if len(content) > limits.bytes:
            raise too_large
    return bytes(content)


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _check_status(status: int) -> None:
    if status in _CONTENT:
        return
    reason = _REASONS.get(status, Reason.UNREACHABLE if status >= 500 else Reason.BAD_RESPONSE)
    raise Rejected(reason, f"the server responded with status {status}{_NOTES.get(status, '')}")


def _check_encoding(encodings: str) -> None:
    """Raise ``Rejected`` unless ``fetch`` decompresses this encoding, which was not requested."""
    for encoding in encodings.lower().split(","):
        if encoding.strip() not in ("", "identity", "gzip", "x-gzip"):
            raise Rejected(
                Reason.BAD_RESPONSE, f"the server responded with Content-Encoding: {encodings}; only gzip is supported"
            )


@cache
def _tls() -> SSLContext:
    """Return the context of all connections, created once: reading the certificates takes as long as a download."""
    return httpx.create_ssl_context()
