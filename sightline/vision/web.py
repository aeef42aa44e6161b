"""Images from the web, and from nowhere that a stranger's URL should not lead to."""

from __future__ import annotations

import ipaddress
import socket
import time
from urllib.parse import urljoin, urlsplit

import httpx

from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected

__all__ = ["download"]

_REDIRECTS = 5
_TRIES, _DELAY = 3, 0.5
_TIMEOUT = httpx.Timeout(30, connect=10)


def download(url: str, limits: Limits) -> bytes:
    """What a URL gives, over at most five redirects, each of which may lead to public addresses alone.

    A failure that may pass is tried again. Raises :class:`Rejected`.
    """
    for attempt in range(_TRIES):
        try:
            return _follow(url, limits)
        except Rejected as rejected:
            if rejected.reason is not Reason.UNREACHABLE or attempt == _TRIES - 1:
                raise
        time.sleep(_DELAY * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _follow(url: str, limits: Limits) -> bytes:
    for _ in range(_REDIRECTS + 1):
        found = _get(url, limits)
        if isinstance(found, bytes):
            return found
        url = urljoin(url, found)
    raise Rejected(Reason.UNREACHABLE, f"more than {_REDIRECTS} redirects, the last one to {url}")


def _get(url: str, limits: Limits) -> bytes | str:
    """The content, or where a redirect leads."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Rejected(Reason.UNSUPPORTED_URI, f"{url!r} is not an http:// or https:// URL")
    address = _checked_address(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), limits)
    # The connection is made to the address that was checked: asked again, the name might have another one.
    host = f"[{address}]" if ":" in address else address
    target = httpx.URL(url).copy_with(host=host, username="", password="")
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, trust_env=False) as client,
            client.stream(
                "GET",
                target,
                headers={"Host": httpx.URL(url).netloc.decode().rpartition("@")[2], "Accept": "image/*"},
                extensions={"sni_hostname": parts.hostname},
            ) as answer,
        ):
            if answer.is_redirect:
                return answer.headers["Location"]
            _check_status(answer.status_code)
            return _content(answer, limits)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Rejected(Reason.UNREACHABLE, f"{parts.hostname}: {error or type(error).__name__}") from error


def _content(answer: httpx.Response, limits: Limits) -> bytes:
    content = bytearray()
    for block in answer.iter_bytes():
        content += block
        if len(content) > limits.bytes:
            raise Rejected(Reason.TOO_LARGE, f"the file has more than {limits.bytes} bytes")
    return bytes(content)


def _check_status(status: int) -> None:
    if status == 200:
        return
    if status in (404, 410):
        raise Rejected(Reason.MISSING, f"the server answered {status}")
    if status >= 500 or status in (408, 425, 429):
        raise Rejected(Reason.UNREACHABLE, f"the server answered {status}")
    raise Rejected(Reason.DENIED, f"the server answered {status}")


def _checked_address(host: str, port: int, limits: Limits) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Rejected(Reason.UNREACHABLE, f"{host}: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    if host not in limits.hosts:
        for address in addresses:
            if not _is_public(address):
                raise Rejected(Reason.FORBIDDEN_ADDRESS, f"{host} is at {address}, which is not a public address")
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    # An IPv6 address may carry an IPv4 one, by which it is then reached.
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    return parsed.is_global and not parsed.is_multicast and (inner is None or _is_public(str(inner)))
