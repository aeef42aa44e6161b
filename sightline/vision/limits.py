"""What an image may cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """``pixels`` and ``bytes`` of one image; ``hosts`` that are fetched from although their addresses are private."""

    pixels: int = 80_000_000
    bytes: int = 50_000_000
    hosts: frozenset[str] = frozenset()
