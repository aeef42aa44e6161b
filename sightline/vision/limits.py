"""What an image may cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """``pixels`` and ``bytes`` of one image, and the ``seconds`` that the web has to give it, all tries together.

    ``hosts``: those that are fetched from although their addresses are private, in small letters. ``urls``: the only
    hosts that URLs may name or lead to, where there is such a list, as ``pictures.org``, or ``pictures.org:8080`` for a
    port that is not the scheme's own; ``buckets``: the only S3 buckets, likewise.
    """

    pixels: int = 80_000_000
    bytes: int = 50_000_000
    hosts: frozenset[str] = frozenset()
    seconds: float = 60.0
    urls: frozenset[str] | None = None
    buckets: frozenset[str] | None = None
