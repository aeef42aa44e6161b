"""Every stored version of files: what erasing a person's data must reach, beyond what :mod:`sightline.storage` lists.

In a versioned bucket a removed object keeps its versions, and so does one that was replaced. In a folder a file has one
version; partial files of killed writers and links count as files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sightline import s3, storage
from sightline.errors import StorageError
from sightline.storage import Location

__all__ = ["Removal", "Version", "count", "erase", "erase_folder", "read", "read_text", "versions"]

_WORKERS = 8  # concurrent requests: S3 takes about 20 ms for one


@dataclass(frozen=True)
class Version:
    """One version of a file. ``id`` is S3's, None for a local file. ``size`` is in bytes.

    ``is_marker``: it marks the removal of the file, and has no content. ``is_current``: it is what a reader gets.
    """

    location: Location
    size: int
    id: str | None = None
    is_marker: bool = False
    is_current: bool = True


@dataclass(frozen=True)
class Removal:
    """The versions that were removed, their size in bytes, and those that could not be: their URIs and the reasons."""

    versions: int = 0
    size: int = 0
    refused: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Removal) -> Removal:
        return Removal(self.versions + other.versions, self.size + other.size, self.refused + other.refused)


def versions(folder: Location) -> Iterator[Version]:
    """Yield every version of every file below ``folder``; none if there is no such folder. Links are not followed.

    Raises ``StorageError``.
    """
    with storage.errors_of(folder):
        if isinstance(folder, Path):
            for top, folders, files in os.walk(folder):
                for name in sorted([*files, *(name for name in folders if Path(top, name).is_symlink())]):
                    path = Path(top, name)
                    yield Version(path, path.lstat().st_size)
            return
        for item, is_marker in s3.versions(folder):
            location = s3.locate(f"s3://{folder.bucket}/{item['Key']}")
            yield Version(location, item.get("Size", 0), item["VersionId"], is_marker, item["IsLatest"])


def read(version: Version) -> bytes:
    """Return the content of a version; raise ``FileNotFoundError`` if it is gone, or a marker."""
    if version.is_marker:
        raise FileNotFoundError(str(version.location))
    with storage.errors_of(version.location):
        if isinstance(version.location, Path):
            if version.location.is_symlink() and not version.location.is_file():
                raise FileNotFoundError(str(version.location))
            return storage.read_bytes(version.location)
        return s3.read_version(version.location, str(version.id))


def read_text(version: Version) -> str:
    """Return the content of a version as text; empty if it is gone, or a marker."""
    try:
        return read(version).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def count(found: Iterable[Version]) -> Removal:
    """Return what removing these versions would remove."""
    listed = [version for version in found if not version.is_marker]
    return Removal(len(listed), sum(version.size for version in listed))


def erase(chosen: Iterable[Version]) -> Removal:
    """Remove versions; what the storage refuses, such as one under an object lock, is in the result."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return sum(pool.map(_erase, chosen), Removal())


def erase_folder(folder: Location) -> Removal:
    """Remove every version of every file below ``folder``, uploads in progress, and the folder itself.

    What the storage refuses is in the result. Raises ``StorageError`` if the folder cannot be listed.
    """
    removal = erase(versions(folder))
    if not isinstance(folder, Path):
        with storage.errors_of(folder):
            s3.abort_uploads(folder)
    elif not removal.refused:
        storage.remove_folder(folder)
    return removal


def _erase(version: Version) -> Removal:
    location = version.location
    try:
        if isinstance(location, Path):
            location.unlink(missing_ok=True)
        else:
            with storage.errors_of(location):
                s3.delete_version(location, str(version.id))
    except (OSError, StorageError) as error:
        return Removal(refused=((storage.uri_of(location), str(error)),))
    return Removal(0 if version.is_marker else 1, version.size)
