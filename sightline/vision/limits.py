"""What an image may cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """``pixels`` and ``bytes`` of one image, and the ``seconds`` that the web has to give it, all tries together.

    ``hosts``: those that are fetched from although their addresses are private, in small letters.
    """

    pixels: int = 80_000_000
    bytes: int = 50_000_000
    hosts: frozenset[str] = frozenset()
    seconds: float = 60.0
