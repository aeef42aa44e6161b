"""Numbers for pose files, reserved without a race and without a gap.

The reservations of a folder form a chain of small files under ``.sessions/.ranges``. Each is named after its first
number and says how many it takes, so each tells where the next one is; a link is added by a conditional create and
never removed. Whoever finds a place taken reads who took it and goes on from there: someone has got ahead with each
failure, so no waiting is needed, and a listing decides nothing.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from sightline import storage
from sightline.sessions import documents
from sightline.sessions.layout import RECORDS
from sightline.storage import Location

_LINK_FILE = re.compile(r"(\d+)\.json")
_POSE_FILE = re.compile(r"pose_(\d+)\.json")


class Link(BaseModel):
    """``count`` numbers from ``start`` on, and whose they are; nobody's where they were in use before the chain."""

    model_config = ConfigDict(frozen=True)

    start: NonNegativeInt
    count: PositiveInt
    session: str | None
    sha256: str | None


def pose_name(index: int) -> str:
    """The name of the pose file with this number."""
    return f"pose_{index:06d}.json"


def newest_link(folder: Location) -> int:
    """The start of the newest reservation in ``folder``, 0 where it has none yet."""
    names = (_LINK_FILE.fullmatch(name) for name in storage.file_names(_chain(folder)))
    return max((int(name[1]) for name in names if name), default=0)


def reserve(folder: Location, session: str, sha256: str, count: int, since: int = 0) -> int:
    """Reserve ``count`` numbers (at least 1) for pose files in ``folder``; returns the first.

    A session gets the same numbers however often it asks. ``since`` is the start of a link that was in the chain
    before the session could have one, which saves reading what is older.
    """
    start = since
    while True:
        place = _chain(folder) / f"{start:06d}.json"
        link = documents.read(place, Link)
        if link is None:
            taken = _numbers_in_use(folder) if start == 0 else 0
            link = (
                Link(start=0, count=taken, session=None, sha256=None)
                if taken
                else Link(start=start, count=count, session=session, sha256=sha256)
            )
            if not storage.create(place, documents.to_json(link)):
                continue
        if (link.sha256, link.count) == (sha256, count):
            return start
        start += link.count


def _chain(folder: Location) -> Location:
    return folder / RECORDS / ".ranges"


def _numbers_in_use(folder: Location) -> int:
    """One more than the highest number of the pose files that an older system, without a chain, left there.

    Should another session have begun the chain since it was found empty, these are its files, and the create that
    follows fails.
    """
    numbers = (_POSE_FILE.fullmatch(name) for name in storage.file_names(folder))
    return max((int(number[1]) + 1 for number in numbers if number), default=0)
