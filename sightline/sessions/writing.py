"""Writes of a session's files that can be repeated by any process with the same plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from sightline import documents, storage
from sightline.errors import StorageError
from sightline.sessions.layout import HIGHLIGHTS, TRACK, VIDEO
from sightline.sessions.plan import SessionOutputs
from sightline.sessions.ranges import pose_name, reserve
from sightline.storage import Location, uri_of

__all__ = ["in_parallel", "stage", "write_first", "write_poses"]

_WRITERS = 8  # concurrent requests: a session has dozens of small files, and S3 takes about 20 ms per request

_Item = TypeVar("_Item")


def in_parallel(function: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    """Call the function with every item, on several threads."""
    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(function, items):
            pass


def stage(outputs: SessionOutputs, staging: Location) -> None:
    """Write the large files into a staging folder; if that fails, remove it."""
    files: list[tuple[Path, Location]] = [(outputs.annotated, staging / VIDEO), (outputs.track, staging / TRACK)]
    if outputs.highlights:
        files.append((outputs.highlights, staging / HIGHLIGHTS))
    files += [(frame, staging / "frames" / frame.name) for frame in outputs.frames]
    files += [(picture, staging / "people" / picture.name) for picture in outputs.people]
    try:
        in_parallel(lambda file: storage.write_file(file[1], file[0]), files)
    except BaseException:
        # Otherwise it is removed when the session is finished.
        with suppress(StorageError), storage.failing_fast():
            storage.remove_folder(staging)
        raise


def write_poses(folder: Location, session: str, owner: str, texts: list[bytes], since: int) -> int | None:
    """Write numbered pose files into an emotion's folder; return the first number, None if there are none.

    ``owner`` identifies the reservation of the numbers: repeated calls with it use the same ones. ``since``: see
    :func:`~sightline.sessions.ranges.reserve`.
    """
    if not texts:
        return None
    start = reserve(folder, session, owner, len(texts), since)
    in_parallel(lambda file: _write_once(*file), [(folder / pose_name(i), text) for i, text in enumerate(texts, start)])
    return start


def write_first(location: Location, document: BaseModel, content: str) -> None:
    """Write a document that a process with the same plan may have written, and an answer changed since.

    ``content`` is the field with the hash of the video. Raises ``StorageError`` for another session's document.
    """
    if storage.create(location, documents.to_json(document)):
        return
    stored = documents.read(location, type(document))
    if stored is None or getattr(stored, content) != getattr(document, content):
        raise _not_overwritten(location)


def _write_once(location: Location, data: bytes) -> None:
    """Write a file that the same plan may have written already; never replace another one."""
    if not storage.create(location, data) and storage.read_bytes(location) != data:
        raise _not_overwritten(location)


def _not_overwritten(location: Location) -> StorageError:
    return StorageError(
        f"{uri_of(location)}: has other content, which is not overwritten. Move it away and run this again"
    )
