"""Limits on the size, the download time and the origin of an image."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """The maximum ``pixels`` and ``bytes`` of an image, and ``seconds`` of its download, retries included.

    ``hosts``: hosts whose private addresses are allowed. ``urls``: if set, the only hosts that URLs may name or
    redirect to, such as ``example.org``, or ``example.org:8080`` for a port that is not the scheme's default. Both are
    spelled as in :mod:`sightline.hosts`. ``buckets``: if set, the only S3 buckets. ``white``: the value of white in
    images with more than 8 bits a sample that do not declare it; see :mod:`sightline.vision.samples`.
    """

    pixels: int = 80_000_000
    bytes: int = 50_000_000
    hosts: frozenset[str] = frozenset()
    seconds: float = 60.0
    urls: frozenset[str] | None = None
    buckets: frozenset[str] | None = None
    white: float | None = None
