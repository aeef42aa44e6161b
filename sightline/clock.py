"""The time."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["now_in_utc"]


def now_in_utc() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)
