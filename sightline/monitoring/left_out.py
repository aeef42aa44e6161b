"""What a reading of capture files left out, counted and named."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["LeftOut"]

_NAMED = 20


@dataclass
class LeftOut:
    """Events that were there before, and lines that could not be read: all are counted, the first 20 are named.

    ``named``: ``FILE:LINE: what is wrong``, or ``FILE: what is wrong`` for a file that was not opened.
    """

    duplicates: int = 0
    bad_lines: int = 0
    named: list[str] = field(default_factory=list)

    def refuse(self, place: str, reason: str) -> None:
        """Count a line, or a file, that cannot be read."""
        self.bad_lines += 1
        if len(self.named) < _NAMED:
            self.named.append(f"{place}: {reason}")
