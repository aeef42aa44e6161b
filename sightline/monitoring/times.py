"""Times: parsing them as people write them, and dividing a window into equal periods of hours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sightline.errors import InvalidSetting

__all__ = ["HOUR", "PERIOD_HOURS", "parse_time", "parse_window", "period_length", "period_start", "time_of_hour"]

HOUR = 3600
"""Seconds of an hour. Hours are counted from 1970, in UTC."""

PERIOD_HOURS = (1, 3, 6, 12, 24, 168, 672)
"""Possible lengths of a period, in hours. Days begin at midnight UTC, weeks on Monday."""

_MAX_PERIODS, _FEW_PERIODS = 100, 8
_PREDICTIONS_PER_PERIOD = 30
_DAY, _WEEK = 24, 168
_MONDAY = 4 * 24  # 1970 began on a Thursday

_AGO = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FIX = (
    "Write a duration before the end, such as 90m, 24h, 7d or 4w, "
    "or a time in ISO 8601, such as 2026-01-31 or 2026-01-31T20:00:00+01:00"
)


def parse_time(text: str | datetime, until: datetime) -> datetime:
    """Return the time that ``text`` states: a duration before ``until``, such as ``7d``, or a time in ISO 8601.

    A time without a zone is in UTC. Raises ``InvalidSetting``.
    """
    if isinstance(text, str) and (ago := _AGO.fullmatch(text.strip().lower())):
        try:
            return until - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError as error:
            raise InvalidSetting(f"{text}: is before the year 1. {_FIX}") from error
    try:
        time = text if isinstance(text, datetime) else datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is not a time. {_FIX}") from error
    return _in_utc(time)


def parse_window(text: str, window: tuple[datetime, datetime] | None = None) -> tuple[datetime, datetime] | None:
    """Return the earlier window that ``SINCE/UNTIL`` or a duration states, for a comparison with ``window``.

    ``7d`` is the time of this length before ``window`` begins. Each bound of ``14d/7d`` is a duration before ``window``
    ends; it may also be a time in ISO 8601. Returns None if the text has another form, such as a file's name. Raises
    ``InvalidSetting`` if the stated window ends before it begins, or overlaps ``window``: predictions that are compared
    with themselves never drift. Without ``window``, both bounds have to be times in ISO 8601.
    """
    first, slash, last = text.partition("/")
    since, until = window or (None, datetime.now(UTC))
    if since and not slash and _AGO.fullmatch(text.strip().lower()):
        begin, end = parse_time(text, since), since
    elif slash and all(_is_time(part, durations=since is not None) for part in (first, last)):
        begin, end = parse_time(first, until), parse_time(last, until)
    else:
        return None
    if begin >= end:
        raise InvalidSetting(f"{text}: ends before it begins. Write the earlier time first")
    if since and begin < until and end > since:
        raise InvalidSetting(
            f"{text}: overlaps the window, which begins at {since:%Y-%m-%d %H:%M}. Choose an earlier one"
        )
    return begin, end


def period_length(hours: int, events: int) -> int:
    """Return the shortest length, in hours, that divides the window into fewer than 100 periods.

    A period shorter than a day also has at least 30 predictions on average, unless there are at most eight periods. The
    longest length is four weeks, also for a window of more than 100 such periods.
    """
    for length in PERIOD_HOURS:
        periods = hours / length
        if periods < _MAX_PERIODS and (
            events / periods >= _PREDICTIONS_PER_PERIOD or periods <= _FEW_PERIODS or length >= _DAY
        ):
            return length
    return PERIOD_HOURS[-1]


def period_start(hour: int, length: int) -> int:
    """Return the first hour of the period that holds ``hour``."""
    offset = _MONDAY if length % _WEEK == 0 else 0
    return (hour - offset) // length * length + offset


def time_of_hour(hour: int) -> datetime:
    """Return the time at which an hour begins."""
    return datetime.fromtimestamp(hour * HOUR, UTC)


def _is_time(text: str, *, durations: bool) -> bool:
    if durations and _AGO.fullmatch(text.strip().lower()):
        return True
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _in_utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
