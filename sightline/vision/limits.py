"""Limits of what an image may cost, and of where it may come from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """The most ``pixels`` and ``bytes`` of one image, and the ``seconds`` that a download may take, retries included.

    ``hosts``: hosts whose private addresses are allowed, in lower case. ``urls``: if set, the only hosts that URLs may
    name or redirect to, as ``pictures.org``, or ``pictures.org:8080`` for a port that is not the scheme's default.
    ``buckets``: if set, the only S3 buckets.
    """

    pixels: int = 80_000_000
    bytes: int = 50_000_000
    hosts: frozenset[str] = frozenset()
    seconds: float = 60.0
    urls: frozenset[str] | None = None
    buckets: frozenset[str] | None = None
