"""The current time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

__all__ = ["Timestamp", "now_in_utc"]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Timestamp = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with a zone, written in UTC as ISO 8601."""


def now_in_utc() -> datetime:
    """Return the current time of this machine's clock, in UTC."""
    return datetime.now(UTC)
