"""Hosts have one spelling, and what is not a host is rejected."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.hosts import host_of_url, normalized_address, normalized_host
from sightline.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.ORG", "example.org"), ("example.org.", "example.org"), ("aws", "aws"), ("a_b.c-d.e", "a_b.c-d.e"),
        ("BÜCHER.example", "xn--bcher-kva.example"), ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("0:0:0:0:0:0:0:1", "[::1]"),
        ("[2001:DB8:0:0::0001]", "[2001:db8::1]"), ("::1:8080", "[::1:8080]"),
    ],
)  # fmt: skip
def test_host_has_one_spelling(text: str, expected: str) -> None:
    assert normalized_host(text) == normalized_address(text) == normalized_host(expected) == expected
    assert normalized_address(f"{expected}:8080") == f"{expected}:8080"


NO_HOSTS = [
    "", " ", ".", "a b", "a..b", "-a.org", "a-.org", "*.example.org", "https://example.org", "example.org/a", "u@a.org",
    "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.01", "256.1.1.1", "[127.0.0.1]", "[::1", "::1]", "::g", "1:2:3",
    "fe80::1%eth0", "[fe80::1%25eth0]", "a\n", "x" * 64, ".".join(["label"] * 50), "é" * 70, "[a.org]",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_HOSTS)
def test_anything_else_is_rejected(text: str) -> None:
    for name in ("image_hosts", "api_url_hosts"):
        with pytest.raises(ValidationError) as caught:
            Settings(_env_file=None, **{name: [text]})  # type: ignore[arg-type]
        message = str(caught.value)
        assert name in message
        assert repr(text) in message or repr(text.rpartition(":")[0]) in message


@pytest.mark.parametrize(
    "text", ["a.org:", "a.org:0", "a.org:65536", "a.org:http", "a.org:-1", "a.org:٣", "[::1]:", "[::1]:0", "a.org:1:2"]
)
def test_invalid_ports_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        normalized_address(text)


def test_port_is_rejected_for_hosts_without_one() -> None:
    with pytest.raises(ValidationError, match=r"image_hosts[\s\S]*'images.org:8080' is not a host"):
        Settings(_env_file=None, image_hosts=["images.org:8080"])


@given(st.ip_addresses(v=6), st.integers(1, 65535))
@example(ipaddress.IPv6Address("::ffff:192.0.2.1"), 80)
def test_every_spelling_of_an_ipv6_address_is_the_same_host(address: ipaddress.IPv6Address, port: int) -> None:
    assert len({normalized_host(text) for text in (str(address), address.exploded, address.exploded.upper())}) == 1
    assert normalized_address(f"[{address.exploded}]:{port:05}") == f"[{address}]:{port}"
    assert host_of_url(address.exploded) == f"[{address}]"


@given(st.text(max_size=30))
def test_any_text_is_a_stable_host_or_rejected(text: str) -> None:
    for normalized in (normalized_host, normalized_address):
        try:
            host = normalized(text)
        except ValueError:
            continue
        assert normalized(host) == host
