"""Capture files: their layout, listing and writing.

Model Monitor's layout is ``{endpoint}/{variant}/yyyy/mm/dd/hh/MM-SS-mmm-{id}.jsonl``, in UTC. A file that was
compressed later ends in ``.jsonl.gz``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID

from sightline import storage
from sightline.errors import InvalidName
from sightline.monitoring.capture_lines import CaptureEvent, InvalidCapture, encode_event
from sightline.storage import Location

__all__ = ["CaptureFile", "check_name", "list_capture_files", "write_capture"]

_SUFFIX = ".jsonl"
_SUFFIXES = (_SUFFIX, f"{_SUFFIX}.gz")
_FOLDERS = (r"\d{4}", r"0[1-9]|1[0-2]", r"0[1-9]|[12]\d|3[01]")  # year, month, day
_HOUR = "%Y/%m/%d/%H"
_TIME = f"{_HOUR}/%M-%S-%f"
_TIME_LENGTH = len("yyyy/mm/dd/hh/MM-SS-mmm")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class CaptureFile:
    """A file of captured inferences. ``time`` is parsed from its name."""

    location: Location
    endpoint: str
    variant: str
    time: datetime


def check_name(name: str, kind: str) -> str:
    """Return ``name``. Raises ``InvalidName`` if it cannot be one part of a key; ``kind`` names it in the message."""
    if not _NAME.fullmatch(name):
        raise InvalidName(
            repr(name), f"is not a valid name of {kind}", "Use letters and digits, with -, _ or . between them"
        )
    return name


def write_capture(
    root: Location, endpoint: str, variant: str, events: Iterable[CaptureEvent], *, at: datetime, file_id: UUID
) -> Location | None:
    """Write the events as one capture file, and return its location; None if there are no events.

    The same ``at`` and ``file_id`` give the same file, which is overwritten: repeated work creates no duplicates. One
    event at a time is held in memory. Raises ``InvalidName`` for an endpoint or a variant that cannot be part of a key,
    and ``ValueError`` for a time without a zone, two events with one id, or a probability that is not a number.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a capture file has no time zone")
    target = root / check_name(endpoint, "an endpoint") / check_name(variant, "a variant") / _key(at, file_id)
    remaining = iter(events)
    first = next(remaining, None)
    if first is None:
        return None
    event_ids: set[UUID] = set()
    with storage.writing(target) as file:
        for event in chain([first], remaining):
            if event.event_id in event_ids:
                raise ValueError(f"event {event.event_id}: occurs twice")
            event_ids.add(event.event_id)
            file.writelines(encode_event(event))
    return target


def _key(at: datetime, file_id: UUID) -> str:
    """Return the key of the file below its endpoint and variant."""
    utc = at.astimezone(UTC)
    # The year is formatted separately: strftime does not pad it on every platform.
    return f"{utc.year:04d}/{utc:%m/%d/%H/%M-%S}-{utc.microsecond // 1000:03d}-{file_id}{_SUFFIX}"


def list_capture_files(
    folder: Location,
    since: datetime | None,
    until: datetime | None,
    on_invalid: Callable[[InvalidCapture], None] | None = None,
) -> Iterator[CaptureFile]:
    """Yield the files of one endpoint's variant, the oldest first, from ``since`` on and before ``until``.

    Days outside this range are not listed. A ``.jsonl`` file whose name holds no time is passed to ``on_invalid``; if
    that is None, :class:`InvalidCapture` is raised.
    """
    first = since.astimezone(UTC).strftime(_HOUR) if since else ""
    last = until.astimezone(UTC).strftime(_HOUR) if until else "~"
    for day in _days(folder, "", first, last):
        locations = (entry.location for entry in storage.walk(folder / day))
        files = (_file(folder, location, on_invalid) for location in locations if location.name.endswith(_SUFFIXES))
        in_range = (file for file in files if file and _is_within(file.time, since, until))
        yield from sorted(in_range, key=lambda file: (file.time, file.location.name))


def _days(folder: Location, prefix: str, first: str, last: str) -> Iterator[str]:
    """Yield ``yyyy/mm/dd`` for every day's folder below ``prefix`` that is between the hours ``first`` and ``last``."""
    level = prefix.count("/")
    for name in storage.folder_names(folder / prefix if prefix else folder):
        key = f"{prefix}{name}"
        if re.fullmatch(_FOLDERS[level], name) and first[: len(key)] <= key <= last[: len(key)]:
            if level == len(_FOLDERS) - 1:
                yield key
            else:
                yield from _days(folder, f"{key}/", first, last)


def _file(
    folder: Location, location: Location, on_invalid: Callable[[InvalidCapture], None] | None
) -> CaptureFile | None:
    key = storage.key_under(location, folder) or ""
    try:
        time = datetime.strptime(key[:_TIME_LENGTH], _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        invalid = InvalidCapture(
            storage.uri_of(location),
            "its path holds no time of the form hh/MM-SS-mmm-ID.jsonl below the folder of a day",
            "Rename it to that form, or move it out of this folder",
        )
        if on_invalid is None:
            raise invalid from error
        on_invalid(invalid)
        return None
    return CaptureFile(location, folder.parent.name, folder.name, time)


def _is_within(time: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or since <= time) and (until is None or time < until)
