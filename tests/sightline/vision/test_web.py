"""Downloads from real servers on loopback: every response has its reason, and none delays a run."""

from __future__ import annotations

import base64
import gzip
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.vision import TRANSIENT, ImageRef, Limits, Reason, Rejected, fetch
from tests.images import image_file
from tests.web import listening, ok, redirect

pytestmark = pytest.mark.integration

PNG = image_file()


def get(url: str, **limits: Any) -> bytes:
    return fetch(ImageRef(uri=url, remote=True), Limits(**{"hosts": frozenset({"127.0.0.1"}), "seconds": 20, **limits}))


def reason_of(url: str, **limits: Any) -> Reason:
    with pytest.raises(Rejected) as caught:
        get(url, **limits)
    return caught.value.reason


@pytest.fixture(autouse=True)
def _short_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.web._DELAY", 0.01)


def basic(user: str) -> str:
    return f"\r\nAuthorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"


def test_request_matches_the_url_and_credentials_are_sent_as_basic_authentication() -> None:
    with listening(ok(PNG)) as server:
        assert get(f"http://me:p%40%3Ass@127.0.0.1:{server.port}/a folder/ü.png?x=1 2#part") == PNG
        assert get(f"{server.url}/a.png") == PNG
        first, second = server.requests
    assert first.startswith("GET /a%20folder/%C3%BC.png?x=1%202 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in first
    assert basic("me:p@:ss") in first
    assert "uthorization" not in second


def test_credentials_follow_a_redirect_to_the_same_server_only() -> None:
    with listening(ok(PNG)) as other, listening(b"") as server:
        server.responses[:] = [redirect("/b.png"), redirect(f"{server.url}/c.png"), redirect(f"{other.url}/d.png")]
        assert get(f"http://me:secret@127.0.0.1:{server.port}/a.png") == PNG
        assert all(basic("me:secret") in request for request in server.requests)
        assert len(server.requests) == 3
        assert "uthorization" not in other.requests[0]


@pytest.mark.parametrize("port", [0, 65536, 70058, 131152, 999999])
def test_port_that_does_not_exist_is_rejected(port: int) -> None:
    """The resolver would take its last 16 bits: 131152 would be port 80."""
    assert reason_of(f"http://127.0.0.1:{port}/a.png") is Reason.UNSUPPORTED_URI
    with listening(redirect(f"http://127.0.0.1:{port}/a.png")) as server:
        assert reason_of(server.url) is Reason.UNSUPPORTED_URI
        assert len(server.requests) == 1


def test_port_modulo_65536_is_not_contacted() -> None:
    with listening(ok(PNG)) as server:
        assert reason_of(f"http://127.0.0.1:{server.port + 65536}/a.png") is Reason.UNSUPPORTED_URI
        assert server.requests == []


def encoded(content: bytes, encoding: str) -> bytes:
    header = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n"
    return header.encode() + content


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (gzip.compress(PNG), "gzip"), (gzip.compress(PNG), "x-gzip"), (gzip.compress(PNG), "GZIP"),
        (gzip.compress(gzip.compress(PNG)), "gzip, gzip"), (PNG, "identity"), (PNG, "gzip"),
        (gzip.compress(PNG[:50]) + gzip.compress(PNG[50:]), "gzip"),
    ],
)  # fmt: skip
def test_gzip_that_was_not_requested_is_decompressed(content: bytes, encoding: str) -> None:
    with listening(encoded(content, encoding)) as server:
        assert get(server.url) == PNG


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (PNG, "br", Reason.BAD_RESPONSE), (PNG, "gzip, zstd", Reason.BAD_RESPONSE),
        (gzip.compress(PNG)[:-20], "gzip", Reason.TRUNCATED),
        (gzip.compress(bytes(50_000_000)), "gzip", Reason.TOO_LARGE),
    ],
    ids=["br", "zstd", "truncated", "bomb"],
)  # fmt: skip
def test_other_encodings_are_rejected_with_their_name(content: bytes, encoding: str, reason: Reason) -> None:
    with listening(encoded(content, encoding)) as server:
        assert reason_of(server.url, bytes=1_000_000) is reason
        assert len(server.requests) == 1


def test_compressed_file_is_decompressed(shared_data: Callable[[str], Path]) -> None:
    """What a server stores with Content-Encoding: gzip may be copied without the header."""
    path = shared_data("cases/images/jpeg_gzipped.jpg")
    expected = gzip.decompress(path.read_bytes())
    assert fetch(ImageRef(uri=str(path)), Limits()) == expected


def test_absolute_and_relative_redirects_are_followed() -> None:
    with listening(redirect("/b.png", "301 Moved"), redirect("c.png?x=1", "307 Later"), ok(PNG)) as server:
        assert get(f"{server.url}/folder/a.png") == PNG
        assert [request.split()[1] for request in server.requests] == ["/folder/a.png", "/b.png", "/c.png?x=1"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.2:{port}/a.png", Reason.FORBIDDEN_ADDRESS),
        ("http://[::ffff:127.0.0.1]:{port}/a.png", Reason.FORBIDDEN_ADDRESS),
        ("http://localhost:{port}/a.png", Reason.FORBIDDEN_ADDRESS),
        ("//169.254.169.254/latest/meta-data", Reason.FORBIDDEN_ADDRESS),
        ("file:///etc/passwd", Reason.UNSUPPORTED_URI),
        ("s3://bucket/a.png", Reason.UNSUPPORTED_URI),
        ("http://[::1", Reason.UNSUPPORTED_URI),
    ],
)
def test_redirect_cannot_reach_a_forbidden_address(location: str, reason: Reason) -> None:
    with listening(b"") as server:
        server.responses[:] = [redirect(location.format(port=server.port))]
        assert reason_of(f"{server.url}/a.png") is reason
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("locations", "requests"), [(["/a.png"], 6), (["/b.png", "/a.png"], 6), ([f"/{n}.png" for n in range(9)], 6)]
)
def test_endless_redirects_are_rejected_once(locations: list[str], requests: int) -> None:
    with listening(*map(redirect, locations)) as server:
        assert reason_of(f"{server.url}/a.png") is Reason.BAD_RESPONSE
        assert len(server.requests) == requests
    assert Reason.BAD_RESPONSE not in TRANSIENT


@pytest.mark.parametrize("status", ["304 Not Modified", "300 Multiple Choices", "302 Found"])
def test_redirect_without_a_location_is_rejected_once(status: str) -> None:
    with listening(f"HTTP/1.1 {status}\r\n\r\n".encode()) as server:
        assert reason_of(server.url) is Reason.BAD_RESPONSE
        assert len(server.requests) == 1


def test_content_of_a_changing_proxy_is_read() -> None:
    with listening(ok(PNG).replace(b"200 OK", b"203 Non-Authoritative Information")) as server:
        assert get(server.url) == PNG
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "reason", "attempts"),
    [
        (404, Reason.MISSING, 1), (410, Reason.MISSING, 1), (401, Reason.DENIED, 1), (403, Reason.DENIED, 1),
        (429, Reason.UNREACHABLE, 3), (500, Reason.UNREACHABLE, 3), (503, Reason.UNREACHABLE, 3),
        (202, Reason.UNREACHABLE, 3), (204, Reason.EMPTY, 1), (205, Reason.EMPTY, 1), (206, Reason.TRUNCATED, 1),
        (226, Reason.BAD_RESPONSE, 1), (400, Reason.BAD_RESPONSE, 1), (405, Reason.BAD_RESPONSE, 1),
        (416, Reason.BAD_RESPONSE, 1), (501, Reason.BAD_RESPONSE, 1), (505, Reason.BAD_RESPONSE, 1),
    ],
)  # fmt: skip
def test_status_defines_the_reason_and_the_retries(status: int, reason: Reason, attempts: int) -> None:
    with listening(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as server:
        assert reason_of(server.url) is reason
        assert len(server.requests) == attempts


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", b"", b"nonsense\r\n\r\n", ok(PNG)[:-9]]
)
def test_transient_failure_is_recovered(first: bytes) -> None:
    with listening(first, ok(PNG)) as server:
        assert get(server.url) == PNG
        assert len(server.requests) == 2


def test_large_file_is_rejected_by_its_header() -> None:
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n") as server:
        assert reason_of(server.url) is Reason.TOO_LARGE
        assert len(server.requests) == 1


def test_large_file_without_a_header_is_rejected() -> None:
    sent = []

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 16))
            sent.append(1)

    with listening(endless) as server:
        assert reason_of(server.url, bytes=1 << 20) is Reason.TOO_LARGE
    assert len(sent) < 400  # no more than the sockets' buffers hold


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_slow_server_hits_the_deadline(start: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")

    with listening(drip) as server:
        began = time.monotonic()
        with pytest.raises(Rejected, match=r"the time limit is 0.5 seconds") as caught:
            get(server.url, seconds=0.5)
        assert caught.value.reason is Reason.UNREACHABLE
        assert time.monotonic() - began < 5


def test_silent_server_hits_the_deadline() -> None:
    with listening(lambda connection: time.sleep(30)) as server:
        began = time.monotonic()
        assert reason_of(server.url, seconds=0.5) is Reason.UNREACHABLE
        assert time.monotonic() - began < 5


def test_deadline_covers_all_redirects() -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(redirect("/again"))

    with listening(slow) as server:
        began = time.monotonic()
        assert reason_of(server.url, seconds=1.0) is Reason.UNREACHABLE
        assert time.monotonic() - began < 5
        assert len(server.requests) <= 4


def test_name_is_resolved_once_and_that_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name's address may change from a public to a private one between the check and the connection."""
    lookups: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *arguments: Any, **options: Any) -> list[Any]:
        if host != "images.internal":
            return real(host, *arguments, **options)
        lookups.append(host)
        return real("127.0.0.1" if len(lookups) == 1 else "127.0.0.2", *arguments, **options)

    with listening(ok(PNG)) as server:
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        hosts = frozenset({"images.internal"})
        assert get(f"http://images.internal:{server.port}/a.png", hosts=hosts) == PNG
        assert f"\r\nHost: images.internal:{server.port}\r\n" in server.requests[0]
    assert lookups == ["images.internal"]


def test_non_tls_server_is_unreachable() -> None:
    with listening(ok(PNG)) as server:
        assert reason_of(f"https://127.0.0.1:{server.port}/a.png") is Reason.UNREACHABLE
