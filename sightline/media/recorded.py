"""When a video was recorded, from what the caller states, the container, or the file's name.

The container's times, in the order in which they are trusted:

- ``com.apple.quicktime.creationdate``: the local time with its zone, as Apple's and some Android cameras write it. It
  survives an export, which sets the next one to the time of the export.
- ``creation_time``: the movie header of MP4 and MOV, Matroska's DateUTC (both UTC), AVI's IDIT (local time). Zero,
  which is 1904, means unknown. FFmpeg takes a number that counts from 1970, which many programs write, for what it is.
  Samsung states the zone in a key of its own. Some cameras write the local time here: the file's name then has the same
  clock.
- ``date``, if it has a time.

A time without a zone is in the zone that the caller assumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.errors import InvalidInput
from sightline.media.container import open_media, video_stream
from sightline.media.recorded_names import NamedTime, time_in_name

__all__ = ["Recorded", "parse_recorded", "when_recorded"]

_FIRST = datetime(1995, 1, 1, tzinfo=UTC)
"""The first digital camcorders are of 1995; an earlier time is a clock that was never set."""
_FUTURE = timedelta(days=1)
_LOCAL = "com.apple.quicktime.creationdate"
_CREATED = "creation_time"
_OFFSET = "com.samsung.android.utc_offset"
_SAME_CLOCK = timedelta(minutes=5)
"""Cameras write the start or the end of the recording; its duration comes on top."""


class Recorded(BaseModel):
    """When a video was recorded.

    ``at`` keeps the zone of the recording. With the precision "day" it is the start of the day. ``detail`` is the key
    of the container or the part of the file's name; ``zone`` is whether the source states the zone.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    source: Literal["given", "container", "file name"]
    zone: Literal["stated", "assumed"] = "stated"
    precision: Literal["second", "day"] = "second"
    detail: str = ""

    @property
    def text(self) -> str:
        """The time for people, in the zone of the recording."""
        if self.precision == "day":
            return f"{self.at:%Y-%m-%d}"
        return f"{self.at:%Y-%m-%d %H:%M} UTC{self.at:%z}"


def parse_recorded(text: str, zone: tzinfo | None, now: datetime) -> Recorded:
    """Return the time that a user states: a date, or a date and a time, with or without a zone (ISO 8601).

    ``zone`` is that of a time without one, None for this machine's. Raises :class:`~sightline.errors.InvalidInput`.
    """
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInput(
            f"--recorded {text}", "is not a date and time", "Write it as 2026-03-08, 2026-03-08T10:15 or "
            "2026-03-08T10:15+01:00",
        ) from error  # fmt: skip
    is_day = not any(character in text for character in ":T") and len(text.strip()) <= len("2026-03-08")
    recorded = Recorded(
        at=_aware(parsed, zone),
        source="given",
        zone="stated" if parsed.tzinfo else "assumed",
        precision="day" if is_day else "second",
        detail=text,
    )
    if recorded.at > now + _FUTURE:
        raise InvalidInput(f"--recorded {text}", "is in the future", "Give the time of the recording")
    return recorded


def when_recorded(
    path: Path, name: str, seconds: float, zone: tzinfo | None, now: datetime
) -> tuple[Recorded | None, tuple[str, ...]]:
    """Return when a readable video was recorded, None if nothing states it, and warnings as sentences.

    Args:
        path: The video.
        name: The file's name at its source.
        seconds: The duration of the video.
        zone: The zone of times without one, None for this machine's.
        now: The time that no recording can be after.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        tags = {**(stream.metadata if stream is not None else {}), **container.metadata}
    named = time_in_name(name)
    by_name = _of_name(named, zone) if named else None
    if by_name is not None and not _FIRST <= by_name.at <= now + _FUTURE:
        by_name = None
    found = _in_container(tags, named, seconds, zone)
    plausible = [recorded for recorded in found if _FIRST <= recorded.at <= now + _FUTURE]
    warnings = []
    if found and not plausible:
        warnings.append(
            f"The container states {found[0].text} as the time of the recording, which cannot be: the camera's clock "
            "was not set. It is not used"
        )
    for recorded in plausible:
        if not _may_be_unset(recorded.at):
            return recorded, tuple(warnings)
        if by_name is None:
            warnings.append(
                f"The container states {recorded.text} as the time of the recording, at which the clocks of cameras "
                "begin: if it was not set, give --recorded"
            )
            return recorded, tuple(warnings)
    return by_name, tuple(warnings)


def _in_container(
    tags: Mapping[str, str], named: NamedTime | None, seconds: float, zone: tzinfo | None
) -> list[Recorded]:
    """Return the times that the container states, the most trusted first."""
    found = []
    for key in (_LOCAL, _CREATED, "date"):
        parsed = _parse(tags.get(key, ""))
        if parsed is None:
            continue
        stated = parsed.tzinfo is not None
        at = _aware(parsed, zone)
        if key == _CREATED and stated:
            offset = _offset(tags.get(_OFFSET, ""))
            if offset is not None:
                at = at.astimezone(offset)
            elif _is_local_clock(at, named, seconds, zone):
                at, stated = _aware(at.replace(tzinfo=None), zone), False
            else:
                # The header has no zone, only the moment: it is shown on the clock that is assumed.
                at, stated = _aware(at, zone, convert=True), False
        found.append(Recorded(at=at, source="container", zone="stated" if stated else "assumed", detail=key))
    return found


def _is_local_clock(at: datetime, named: NamedTime | None, seconds: float, zone: tzinfo | None) -> bool:
    """Return whether a time that should be UTC is what a clock on the wall showed, as the file's name does."""
    if named is None or named.is_utc or named.precision == "day":
        return False
    wall = at.replace(tzinfo=None)
    difference = wall - named.clock
    return -_SAME_CLOCK <= difference <= _SAME_CLOCK + timedelta(seconds=seconds) and bool(
        _aware(wall, zone).utcoffset()
    )


def _of_name(named: NamedTime, zone: tzinfo | None) -> Recorded:
    clock = named.clock.replace(tzinfo=UTC) if named.is_utc else named.clock
    at = _aware(clock, zone, convert=named.is_utc)
    return Recorded(
        at=at, source="file name", zone="assumed", precision=named.precision, detail=named.text
    )  # fmt: skip


def _may_be_unset(at: datetime) -> bool:
    """Return whether a clock that was never set shows this time: it begins with a year."""
    return (at.month, at.day, at.hour) == (1, 1, 0) or at.astimezone(UTC).strftime("%m%d%H") == "010100"


def _parse(text: str) -> datetime | None:
    """Return a date with a time; None for anything else, such as the year of a film."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return parsed if len(text.strip()) > len("2026-03-08T") else None


def _offset(text: str) -> tzinfo | None:
    try:
        return datetime.strptime(text.strip(), "%z").tzinfo
    except ValueError:
        return None


def _aware(time: datetime, zone: tzinfo | None, *, convert: bool = False) -> datetime:
    """Return the time with a fixed offset: its own, or that of the zone, None for this machine's.

    ``convert``: show a time that has an offset on the clock of the zone.
    """
    if time.tzinfo is None:
        aware = time.astimezone() if zone is None else time.replace(tzinfo=zone)
    else:
        aware = time.astimezone(zone) if convert else time
    return aware.astimezone(timezone(aware.utcoffset() or timedelta()))
