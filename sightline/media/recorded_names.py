"""The date and time in the name of a video, as cameras, phones and programs write it.

| name | written by |
| --- | --- |
| ``VID_20260308_101500.mp4``, ``20260308_101500.mp4`` | Android, Samsung |
| ``PXL_20260308_091500123.mp4`` | Pixel, in UTC |
| ``WIN_20260308_10_15_00_Pro.mp4`` | Windows |
| ``Screen Recording 2026-03-08 at 10.15.00 AM.mov`` | macOS; a narrow space precedes AM |
| ``2026-03-08 10-15-00.mkv`` | OBS |
| ``WhatsApp Video 2026-03-08 at 10.15.00.mp4``, ``VID-20260308-WA0003.mp4`` | WhatsApp: received, a day |
| ``video_2026-03-08_10-15-00.mp4``, ``signal-2026-03-08-101500.mp4`` | Telegram, Signal |
| ``DJI_20260308101500_0001_D.MP4``, ``Front_00_20260308101500.mp4`` | DJI, surveillance cameras |
| ``GMT20260308-091500_Recording.mp4`` | Zoom, in UTC |

Names of iPhones, GoPros and most camcorders have a number only. The day before the month is not read: it cannot be told
from the month before the day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["NamedTime", "time_in_name"]

_DATE = (
    r"(?<![0-9])(?P<utc>PXL_|GMT)?(?P<year>(?:19|20)[0-9]{2})(?P<dash>[-_. ]?)(?P<month>[0-9]{2})(?P=dash)"
    r"(?P<day>[0-9]{2})"
)
_CLOCK = (
    r"(?:[ _]?T|[ _-]at[ _-]|[ _.-])?(?P<hour>[0-9]{1,2})(?P<colon>[-_.:]?)(?P<minute>[0-9]{2})(?P=colon)"
    r"(?P<second>[0-9]{2})(?:[._-]?[0-9]{3})?(?![0-9])(?:[ \u202f]?(?P<half>[AaPp])\.?[Mm](?![A-Za-z]))?"
)
_WITH_TIME = re.compile(_DATE + _CLOCK)
_DAY_ONLY = re.compile(_DATE + r"(?![0-9])")


@dataclass(frozen=True)
class NamedTime:
    """A time in a file's name. ``clock`` is what the clock showed, in UTC if ``is_utc``; ``text`` is that part."""

    clock: datetime
    is_utc: bool
    precision: Literal["second", "day"]
    text: str


def time_in_name(name: str) -> NamedTime | None:
    """Return the time in a file's name, the first one with a time of day; None if there is none."""
    for pattern in (_WITH_TIME, _DAY_ONLY):
        for match in pattern.finditer(name):
            clock = _clock(match)
            if clock is not None:
                precision: Literal["second", "day"] = "second" if pattern is _WITH_TIME else "day"
                is_utc = match["utc"] is not None and precision == "second"
                return NamedTime(clock, is_utc, precision, match[0])
    return None


def _clock(match: re.Match[str]) -> datetime | None:
    """Return the time of a match; None if there is no such day or time."""
    parts = match.groupdict()
    hour = int(parts.get("hour") or 0)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half in "Pp")
    try:
        return datetime(
            int(match["year"]), int(match["month"]), int(match["day"]), hour,
            int(parts.get("minute") or 0), int(parts.get("second") or 0),
        )  # fmt: skip
    except ValueError:
        return None
