"""The current time."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now_in_utc"]


def now_in_utc() -> datetime:
    """Return the current time of this machine's clock, in UTC."""
    return datetime.now(UTC)
