"""One spelling for every host, so that two can be compared: names, IPv4 and IPv6 addresses, with or without a port."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["host_of_url", "normalized_address", "normalized_host"]

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PORT = re.compile(r"[0-9]{1,5}")


def normalized_host(text: str) -> str:
    """Return a name in lower case and ASCII, without a final dot; an IPv6 address in its shortest form, in brackets.

    >>> normalized_host("BÜCHER.example."), normalized_host("2001:DB8:0::1")
    ('xn--bcher-kva.example', '[2001:db8::1]')

    Raises ``ValueError`` for anything else, such as a URL, a pattern, or a host with a port.
    """
    host = _ipv6(text) if ":" in text else _name(text)
    if host is None:
        raise ValueError(
            f"{text!r} is not a host. Write a name such as images.org, or an address such as 192.0.2.1 or 2001:db8::1"
        )
    return host


def normalized_address(text: str) -> str:
    """Return a host as :func:`normalized_host` does, with its port if it has one; an IPv6 address needs brackets then.

    >>> normalized_address("Images.org:8080"), normalized_address("[::1]:8080"), normalized_address("::1")
    ('images.org:8080', '[::1]:8080', '[::1]')

    Raises ``ValueError`` for anything else.
    """
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return normalized_host(text)
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r}: the port {port!r} is not a number from 1 to 65535")
    return f"{normalized_host(host)}:{int(port)}"


def host_of_url(host: str) -> str:
    """Return the host of a URL, as clients send it, for a comparison with normalized ones.

    A name is not changed: servers may distinguish one with a final dot. Raises ``ValueError`` for an invalid address.
    """
    return normalized_host(host) if ":" in host else host


def _ipv6(text: str) -> str | None:
    try:
        address = IPv6Address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except AddressValueError:
        return None
    return None if address.scope_id else f"[{address.compressed}]"  # a zone has a meaning only on one machine


def _name(text: str) -> str | None:
    import httpx

    try:
        # The same conversion as in the URLs that are compared with it.
        name = httpx.URL(scheme="http", host=text).raw_host.decode("ascii").removesuffix(".")
    except httpx.InvalidURL:
        return None
    labels = name.split(".")
    if labels[-1].isdigit() or labels[-1].startswith(
        "0x"
    ):  # not a name: resolvers read other numbers as addresses, too
        return name if _is_ipv4(name) else None
    return name if len(name) <= 253 and all(map(_LABEL.fullmatch, labels)) else None


def _is_ipv4(name: str) -> bool:
    try:
        IPv4Address(name)
    except AddressValueError:
        return False
    return True
