"""Connections to public addresses only, each of which ends at its deadline."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore

from sightline.hosts import host_of_url
from sightline.vision.reasons import Reason, Rejected

__all__ = ["PublicNetwork"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class PublicNetwork(httpcore.NetworkBackend):
    """A network backend of a connection pool that rejects private addresses.

    A name is resolved once, and the connection goes to the address that was checked: a second lookup might return
    another one. ``hosts`` may have private addresses. Every operation ends at ``deadline``, a time of
    :func:`time.monotonic`, however slowly the server sends.
    """

    def __init__(self, hosts: frozenset[str], deadline: float) -> None:
        self._hosts = hosts
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that accepts.

        Raises :class:`Rejected` if the host cannot be resolved, or if any of its addresses is not public.
        """
        *others, last = _addresses(host, port, self._hosts)
        for address in others:
            try:
                return self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, timeout, local_address, socket_options)

    def _connect(self, address: str, port: int, timeout: float | None, *options: Any) -> httpcore.NetworkStream:
        stream = self._network.connect_tcp(address, port, _remaining(self._deadline, timeout), *options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """A stream whose operations end at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _remaining(self._deadline, timeout))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise httpcore.ReadTimeout("the time limit is exceeded")
    return remaining if timeout is None else min(remaining, timeout)


def _addresses(host: str, port: int, hosts: frozenset[str]) -> list[str]:
    try:
        # The system also resolves decimal, octal and short forms of IPv4 addresses.
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Rejected(Reason.UNREACHABLE, f"{host}: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    if host_of_url(host) not in hosts:
        for address in addresses:
            if not _is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise Rejected(Reason.FORBIDDEN_ADDRESS, f"{host} is at {address}, which is not a public address")
    return addresses


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv6 address can contain an IPv4 address, which is then the one connected to.
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return _is_public(embedded)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
