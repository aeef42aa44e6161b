"""Times as people write them: a moment, how long ago, or a window between two."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sightline.errors import InvalidSetting

__all__ = ["moment_of", "window_of"]

_AGO = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MEND = "Write how long ago, as 90m, 24h, 7d or 4w, or a moment in ISO 8601, as 2026-01-31 or 2026-01-31T20:00:00+01:00"


def moment_of(text: str | datetime, until: datetime) -> datetime:
    """``7d`` before ``until``, or the moment itself; one without a zone is taken for UTC's.

    Raises ``InvalidSetting``.
    """
    if isinstance(text, str) and (ago := _AGO.fullmatch(text.strip().lower())):
        try:
            return until - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError as error:
            raise InvalidSetting(f"{text}: is before the calendar begins. {_MEND}") from error
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is no time. {_MEND}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def window_of(text: str) -> tuple[datetime, datetime] | None:
    """The window of ``SINCE/UNTIL``, both in ISO 8601; None where the text is none, but a file's name, say."""
    first, _, last = text.partition("/")
    try:
        moments = [datetime.fromisoformat(each) for each in (first, last)]
    except ValueError:
        return None
    since, until = (each if each.tzinfo else each.replace(tzinfo=UTC) for each in moments)
    if since >= until:
        raise InvalidSetting(f"{text}: ends before it begins. Write the earlier time first")
    return since, until
