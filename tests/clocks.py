"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["START", "Clock"]

START = datetime(2026, 1, 31, 10, 20, tzinfo=UTC)


class Clock:
    """A clock that stands still at ``START + ahead`` until ``time`` is set."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.time = START + ahead

    def __call__(self) -> datetime:
        return self.time
