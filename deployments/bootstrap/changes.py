"""What the bootstrap did with each thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Change", "Outcome"]


class Outcome(StrEnum):
    """What became of a thing."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Change:
    """One thing on the server, and what was done with it; ``why`` where that needs saying."""

    kind: str
    name: str
    outcome: Outcome
    why: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.outcome}" + (f", {self.why}" if self.why else "")
