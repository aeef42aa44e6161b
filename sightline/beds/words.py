"""Times, durations and states in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sightline.beds.timeline import NO_DATA, OUT_OF_BED, UNSURE
from sightline.beds.watch import Raised

__all__ = ["alert_text", "clock", "day_and_time", "duration", "kind_of", "moment", "state_text"]

_TEXTS = {
    "left": "left side",
    "right": "right side",
    "supine": "back",
    "prone": "front",
    UNSURE: "posture unsure",
    NO_DATA: "no data",
    OUT_OF_BED: "out of bed",
}
_KINDS = {UNSURE: "unsure", NO_DATA: "none", OUT_OF_BED: "out"}


def state_text(state: str | None) -> str:
    """Return a state in words, such as ``left side``; None is an unknown posture."""
    return _TEXTS[UNSURE] if state is None else _TEXTS.get(state, state)


def kind_of(state: str) -> str:
    """Return the name of a state's colour."""
    return _KINDS.get(state) or (state if state in _TEXTS else "other")


def duration(length: timedelta) -> str:
    """Return a duration, such as ``2 h 05 min`` or ``45 min``."""
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """Return the time of day in the zone."""
    return f"{at.astimezone(zone):%H:%M}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return day and time in the zone, with its offset, because one hour of the year has the name of another."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def day_and_time(at: datetime, zone: ZoneInfo) -> str:
    """Return day and time in the zone as in a table; with the offset in the hour that has the name of another."""
    local = at.astimezone(zone)
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%a %d %b %H:%M}{f' {local:%Z}' if is_twice else ''}"


def alert_text(raised: Raised, zone: ZoneInfo) -> str:
    """Return what an alert was about."""
    if raised.kind == "unturned":
        return f"not turned for {duration(raised.at - raised.since)}, since {day_and_time(raised.since, zone)}"
    return f"no data for {duration(raised.at - raised.since)}, since {day_and_time(raised.since, zone)}"
