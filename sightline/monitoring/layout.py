"""Where Model Monitor keeps its files: ``{endpoint}/{variant}/yyyy/mm/dd/hh/MM-SS-mmm-{id}.jsonl``, in UTC.

One that was compressed since is ``….jsonl.gz``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sightline import storage
from sightline.errors import InvalidName
from sightline.monitoring.reject import InvalidCapture
from sightline.storage import Location

__all__ = ["CaptureFile", "capture_files", "capture_key", "check_part"]

_SUFFIX = ".jsonl"
_SUFFIXES = (_SUFFIX, f"{_SUFFIX}.gz")
_FOLDERS = (r"\d{4}", r"0[1-9]|1[0-2]", r"0[1-9]|[12]\d|3[01]")  # year, month, day
_HOUR = "%Y/%m/%d/%H"
_TIME = f"{_HOUR}/%M-%S-%f"
_TIME_LENGTH = len("yyyy/mm/dd/hh/MM-SS-mmm")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class CaptureFile:
    """A file of captured inferences; ``time`` is the one that its name says."""

    location: Location
    endpoint: str
    variant: str
    time: datetime


def capture_key(at: datetime, file_id: UUID) -> str:
    """The file's key below its endpoint and variant."""
    moment = at.astimezone(UTC)
    # The year by itself: strftime does not pad it everywhere.
    return f"{moment.year:04d}/{moment:%m/%d/%H/%M-%S}-{moment.microsecond // 1000:03d}-{file_id}{_SUFFIX}"


def check_part(name: str, what: str) -> str:
    """``name``; raises ``InvalidName`` where it cannot be one part of a key."""
    if not _PART.fullmatch(name):
        raise InvalidName(
            repr(name), f"cannot be {what}'s name", "Write it in letters and digits with -, _ or . between them"
        )
    return name


def capture_files(
    folder: Location,
    since: datetime | None,
    until: datetime | None,
    refuse: Callable[[InvalidCapture], None] | None = None,
) -> Iterator[CaptureFile]:
    """The files of one endpoint's variant, the oldest first, from ``since`` on and before ``until``.

    Days outside of that are not even listed. A ``.jsonl`` whose name has no time is handed to ``refuse``; where there
    is none, :class:`InvalidCapture` is raised for it.
    """
    first = since.astimezone(UTC).strftime(_HOUR) if since else ""
    last = until.astimezone(UTC).strftime(_HOUR) if until else "~"
    for day in _days(folder, "", first, last):
        found = (each.location for each in storage.walk(folder / day))
        files = (_file(folder, location, refuse) for location in found if location.name.endswith(_SUFFIXES))
        wanted = (file for file in files if file and _is_within(file.time, since, until))
        yield from sorted(wanted, key=lambda file: (file.time, file.location.name))


def _days(folder: Location, above: str, first: str, last: str) -> Iterator[str]:
    """``yyyy/mm/dd`` of every day's folder between the two hours, either of which may be cut short."""
    level = above.count("/")
    for name in storage.folder_names(folder / above if above else folder):
        key = f"{above}{name}"
        if re.fullmatch(_FOLDERS[level], name) and first[: len(key)] <= key <= last[: len(key)]:
            if level == len(_FOLDERS) - 1:
                yield key
            else:
                yield from _days(folder, f"{key}/", first, last)


def _file(folder: Location, location: Location, refuse: Callable[[InvalidCapture], None] | None) -> CaptureFile | None:
    key = storage.key_under(location, folder) or ""
    try:
        time = datetime.strptime(key[:_TIME_LENGTH], _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        invalid = InvalidCapture(
            storage.uri_of(location),
            "its path has no time, as hh/MM-SS-mmm-ID.jsonl in the folder of a day",
            "Give it such a name, or move it out of there",
        )
        if refuse is None:
            raise invalid from error
        refuse(invalid)
        return None
    return CaptureFile(location, folder.parent.name, folder.name, time)


def _is_within(time: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or since <= time) and (until is None or time < until)
