"""An untrusted URL leads only to public addresses, in every notation and after every name lookup."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from sightline.vision import ImageRef, Limits, Reason, Rejected, fetch


def reason_of(url: str, limits: Limits | None = None) -> Reason:
    with pytest.raises(Rejected) as caught:
        fetch(ImageRef(uri=url, remote=True), limits or Limits(seconds=5))
    return caught.value.reason


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Resolve every name to the given addresses, and record connection attempts instead of connecting."""
    attempts: list[str] = []

    def to(*addresses: str) -> list[str]:
        def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            return [
                (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))
                for address in addresses
            ]

        def connect(address: tuple[str, int], *_: Any, **__: Any) -> None:
            attempts.append(address[0])
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket, "create_connection", connect)
        monkeypatch.setattr("sightline.vision.web._DELAY", 0.0)
        return attempts

    return to


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "0", "127.1", "2130706433", "0x7f000001", "0x7f.1",
        "localhost", "LOCALHOST", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:db8::1]", "[2001::1]", "[fe80::1]",
        "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]",
    ],
)  # fmt: skip
def test_non_public_address_is_forbidden_in_any_notation(host: str) -> None:
    assert reason_of(f"http://{host}/a.png") is Reason.FORBIDDEN_ADDRESS
    assert reason_of(f"http://someone:secret@{host}:8080/latest/meta-data/a.png") is Reason.FORBIDDEN_ADDRESS


@pytest.mark.parametrize("host", ["localhost.", "0177.0.0.1", "127.0.0.1.", "0x7f.0.0.0x1", "127.0.0.01"])
def test_ambiguous_address_notation_is_rejected(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.web._DELAY", 0.0)
    expected = (Reason.FORBIDDEN_ADDRESS, Reason.UNREACHABLE, Reason.UNSUPPORTED_URI)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert reason_of(f"http://{host}:{server.getsockname()[1]}/a.png") in expected
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("93.184.215.14", "127.0.0.1"),
        ("2606:4700::1111", "::1"),
        ("64:ff9b::10.1.2.3",),
        ("fe80::1%eth0",),
    ],
)
def test_name_with_one_non_public_address_is_forbidden(addresses: tuple[str, ...], resolve: Any) -> None:
    attempts = resolve(*addresses)
    assert reason_of("http://rebound.example.org/a.png") is Reason.FORBIDDEN_ADDRESS
    assert attempts == []


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::93.184.215.14", "2002:5db8:d70e::1"],
)
def test_public_address_is_connected(address: str, resolve: Any) -> None:
    attempts = resolve(address)
    assert reason_of("http://example.org/a.png") is Reason.UNREACHABLE
    assert set(attempts) == {address}


def test_all_addresses_of_a_host_are_attempted(resolve: Any) -> None:
    attempts = resolve("2606:4700::1111", "93.184.215.14")
    assert reason_of("http://example.org/a.png") is Reason.UNREACHABLE
    assert attempts[:2] == ["2606:4700::1111", "93.184.215.14"]


def test_only_configured_hosts_may_be_private(resolve: Any) -> None:
    attempts = resolve("10.0.0.1")
    limits = Limits(hosts=frozenset({"images.internal"}), seconds=5)
    assert reason_of("http://images.internal/a.png", limits) is Reason.UNREACHABLE
    assert reason_of("http://IMAGES.internal/a.png", limits) is Reason.UNREACHABLE
    assert set(attempts) == {"10.0.0.1"}
    for other in ("others.internal", "images.internal.example.org", "x.images.internal"):
        assert reason_of(f"http://{other}/a.png", limits) is Reason.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        "http://", "http:///a.png", "http://[::1", "http://a:x/a.png", "http://a:99999999/a.png", "http://a/\0.png",
        "gopher://example.org/", "ftp://example.org/a.png", "data://x", "https://\uff11\uff12\uff17.0.0.1/a.png",
    ],
)  # fmt: skip
def test_invalid_web_url_is_unsupported(url: str) -> None:
    assert reason_of(url) is Reason.UNSUPPORTED_URI


@pytest.mark.parametrize("host", ["a..b", "a" * 300, "no such host"])
def test_unknown_host_is_unreachable(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.vision.web._DELAY", 0.0)
    assert reason_of(f"http://{host}/a.png") is Reason.UNREACHABLE
