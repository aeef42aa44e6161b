"""Time stamps in names and columns, as instants in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

__all__ = ["StampInvalid", "in_name", "instant"]

_IN_NAME = re.compile(
    r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})[T_ -]?(\d{2})[:.h_-]?(\d{2})[:.m_-]?(\d{2})(?:[.,](\d{1,6}))?"
    r"(Z|[+-]\d{2}:?\d{2})?(?!\d)"
)
_EPOCH = re.compile(r"(?<!\d)(\d{10}|\d{13})(?:\.\d+)?(?!\d)")
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_SKEW = timedelta(minutes=1)  # between the clocks of the mat and of the storage


class StampInvalid(Exception):
    """A text that states no time, or one that never was or was twice. The message says which, and the fix."""


def in_name(name: str, zone: ZoneInfo, form: str | None, written: datetime) -> datetime | None:
    """Return the time in a file's name, None if it has none; see :func:`instant`.

    Such as ``bed-7_2026-03-08T14-05-00.csv``, ``20260308_140500Z.npy`` or ``1772978700.png``, the seconds or
    milliseconds since 1970.
    """
    stem = PurePosixPath(name).stem
    if form:
        return instant(stem, zone, form, written=written)
    found = _IN_NAME.search(stem) or _EPOCH.search(stem)
    return instant(found[0], zone, None, written=written) if found else None


def instant(
    text: str, zone: ZoneInfo, form: str | None, *, written: datetime, after: datetime | None = None
) -> datetime:
    """Return the instant that ``text`` states, in UTC.

    Args:
        text: ISO 8601 with or without separators and offset, seconds or milliseconds since 1970, or text in ``form``.
        zone: The zone of a text without an offset.
        form: A format of ``strptime``; None for the forms above.
        written: When the text was written, or later. With ``after``, it decides which of the two hours is meant that
            have the same name when daylight saving ends.
        after: The instant before it in a series.

    Raises :class:`StampInvalid`.
    """
    clean = text.strip()
    try:
        time = datetime.strptime(clean, form) if form else _parsed(clean)
    except ValueError as error:
        expected = form or "2026-03-08T14:05:00"
        raise StampInvalid(f"{clean[:40]!r} is no time like {expected}. Set time_format in bed.toml") from error
    aware = time if time.tzinfo else _placed(time, zone, written, after)
    if not _FIRST <= aware < _LAST:
        raise StampInvalid(f"{clean[:40]!r} is in the year {aware.year}. Correct the clock of the mat")
    return aware.astimezone(UTC)


def _parsed(text: str) -> datetime:
    if _EPOCH.fullmatch(text):
        seconds = float(text)
        return datetime.fromtimestamp(seconds / (1000 if seconds > 1e11 else 1), UTC)
    found = _IN_NAME.fullmatch(text)
    if found is None:
        return datetime.fromisoformat(text)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    compact = f"{year}-{month}-{day}T{hour}:{minute}:{second}.{(fraction or '0').ljust(6, '0')}{offset or ''}"
    return datetime.fromisoformat(compact)


def _placed(time: datetime, zone: ZoneInfo, written: datetime, after: datetime | None) -> datetime:
    """Return the local time with its zone. One that a clock of this zone never shows is an error."""
    first, second = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise StampInvalid(
            f"{time}: a clock in {zone} never shows that, because daylight saving begins. The mat's clock has another "
            "zone: correct time_zone in bed.toml, or write time stamps with an offset"
        )
    candidates = [candidate.astimezone(UTC) for candidate in (first, second)]
    if after is not None and (later := [each for each in candidates if timedelta(0) < each - after <= _HOUR]):
        return later[0]
    # A frame is written at once, or not much later.
    fitting = [each for each in candidates if -_SKEW <= written - each < _HOUR - _SKEW]
    if len(fitting) == 1:
        return fitting[0]
    raise StampInvalid(
        f"{time}: a clock in {zone} shows that twice, because daylight saving ends, and nothing tells which is meant. "
        "Write time stamps with an offset, such as 02:30:00+0200"
    )
