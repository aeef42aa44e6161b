"""A time that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["START", "Clock"]

START = datetime(2026, 1, 31, 10, 20, tzinfo=UTC)


class Clock:
    """Says the time that it was set to; at first ``START``, or as much later as it is ``ahead``."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.time = START + ahead

    def __call__(self) -> datetime:
        return self.time
