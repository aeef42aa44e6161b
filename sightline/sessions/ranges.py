"""Numbers for pose files, reserved without races and without gaps.

The reservations of a folder form a chain of small files, the links, under ``.sessions/.ranges``. A link's name is its
first number, its content the count, so a link gives the name of the next one. Links are added by a conditional create
and never removed. A process that finds a link reads it and continues at the next one: every failed create means that
another process has succeeded, so no process waits, and no listing is needed.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from sightline import documents, storage
from sightline.sessions.layout import RECORDS
from sightline.storage import Location

_LINK_FILE = re.compile(r"(\d+)\.json")
_POSE_FILE = re.compile(r"pose_(\d+)\.json")


class Link(BaseModel):
    """``count`` numbers from ``start`` on, and their session; None if they were in use before the chain."""

    model_config = ConfigDict(frozen=True)

    start: NonNegativeInt
    count: PositiveInt
    session: str | None
    sha256: str | None


def pose_name(index: int) -> str:
    """Return the name of the pose file with this number."""
    return f"pose_{index:06d}.json"


def newest_link(folder: Location) -> int:
    """Return the start of the newest reservation in ``folder``, 0 if there is none."""
    names = (_LINK_FILE.fullmatch(name) for name in storage.file_names(_chain(folder)))
    return max((int(name[1]) for name in names if name), default=0)


def reserve(folder: Location, session: str, sha256: str, count: int, since: int = 0) -> int:
    """Reserve ``count`` numbers (at least 1) for pose files in ``folder``; return the first.

    Repeated calls for a session return the same numbers. ``since`` is the start of a link that was in the chain before
    the session could have one; older links are not read.
    """
    start = since
    while True:
        location = _chain(folder) / f"{start:06d}.json"
        link = documents.read(location, Link)
        if link is None:
            in_use = _numbers_in_use(folder) if start == 0 else 0
            link = (
                Link(start=0, count=in_use, session=None, sha256=None)
                if in_use
                else Link(start=start, count=count, session=session, sha256=sha256)
            )
            if not storage.create(location, documents.to_json(link)):
                continue
        if (link.sha256, link.count) == (sha256, count):
            return start
        start += link.count


def _chain(folder: Location) -> Location:
    return folder / RECORDS / ".ranges"


def _numbers_in_use(folder: Location) -> int:
    """Return one more than the highest number of the pose files of an older system without a chain.

    If another session has started the chain since it was empty, these are its files, and the create that follows fails.
    """
    numbers = (_POSE_FILE.fullmatch(name) for name in storage.file_names(folder))
    return max((int(number[1]) + 1 for number in numbers if number), default=0)
