"""One interface to files in a folder and objects in an S3 bucket.

A location is a ``pathlib.Path`` or a ``cloudpathlib.S3Path``; both are joined with ``/``. This module hides the
differences that matter: a file appears complete or not at all, a unique name is taken by a conditional create, and a
failed listing is an error, never an empty list. A file that was written is on disk: it survives a power failure. S3's
endpoint, region and credentials come from the standard AWS variables. If S3 cannot be reached, every function waits for
it for STORAGE_OUTAGE_SECONDS, except within :func:`failing_fast`.

Every function raises ``FileNotFoundError`` for a missing file and ``StorageError`` for any other failed access.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urlsplit

from sightline import atomic, s3
from sightline.errors import StorageError, TooLarge
from sightline.outages import failing_fast

if TYPE_CHECKING:
    from cloudpathlib import S3Path

__all__ = [
    "Location",
    "StoredFile",
    "content_hash",
    "copy",
    "create",
    "errors_of",
    "exists",
    "failing_fast",
    "fetch",
    "file_names",
    "folder_names",
    "key_under",
    "locate",
    "move",
    "read_bytes",
    "read_start",
    "remove",
    "remove_folder",
    "size",
    "stored",
    "swap",
    "sweep",
    "unlisted",
    "uri_of",
    "version_of",
    "walk",
    "write_bytes",
    "write_file",
    "writing",
]

Location: TypeAlias = "Path | S3Path"


def locate(uri: str | Location) -> Location:
    """Return the location that ``uri`` names: ``s3://bucket/key``, ``file:///path`` or a path."""
    if not isinstance(uri, str | Path):
        return uri
    text = str(uri)
    scheme, separator, _ = text.partition("://")
    if separator and scheme not in ("s3", "file"):
        raise StorageError(f"{text}: {scheme}:// is not a storage that sightline can read. Give a path or an s3:// URI")
    if separator and scheme == "file":
        return Path(unquote(urlsplit(text).path))
    if separator:
        if "@" in text.partition("://")[2].partition("/")[0]:
            raise StorageError(f"{text}: S3 takes no credentials from a URI. Set AWS_ACCESS_KEY_ID or AWS_PROFILE")
        if not text.partition("://")[2].strip("/"):
            raise StorageError(f"{text}: names no bucket. Write it as s3://bucket/key")
        return s3.locate(text.rstrip("/"))
    if text.startswith("s3:/"):
        raise StorageError(f"{text}: a slash is missing, which makes it a local folder. Write it as s3://")
    return Path(text).expanduser()


def uri_of(location: Location) -> str:
    """Return the location as text that is valid in any working directory."""
    return str(location.absolute()) if isinstance(location, Path) else str(location)


def key_under(location: Location, root: Location) -> str | None:
    """Return the part of ``location`` below ``root``, with ``/`` between its parts; None if it is not below it."""
    if isinstance(location, Path) != isinstance(root, Path):
        return None
    if isinstance(location, Path) and isinstance(root, Path):
        # First without resolving links: a link in the bucket to a file elsewhere has a key too.
        absolute, top = Path(os.path.abspath(location)), Path(os.path.abspath(root))  # noqa: PTH100
        within = absolute.is_relative_to(top)
        location, root = (absolute, top) if within else (location.resolve(), root.resolve())
    if not location.is_relative_to(root) or location == root:  # type: ignore[arg-type]
        return None
    return str(location.relative_to(root).as_posix())  # type: ignore[arg-type]


def read_bytes(location: Location, limit: int | None = None) -> bytes:
    """Return the file's content. Raise ``TooLarge`` without reading it if it has more than ``limit`` bytes."""
    with errors_of(location):
        if not isinstance(location, Path):
            return s3.read(location, limit)
        if limit is not None and (length := size(location)) > limit:
            raise TooLarge(str(location), length, limit)
        try:
            with location.open("rb", buffering=0) as file:  # Unbuffered: the file is read in one call.
                return file.readall()
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(str(location)) from error


def read_start(location: Location, length: int) -> bytes:
    """Return the first ``length`` bytes of the file, or all if it has fewer."""
    with errors_of(location):
        if not isinstance(location, Path):
            return s3.read_start(location, length)
        with location.open("rb", buffering=0) as file:
            return file.read(length)


def write_bytes(location: Location, data: bytes) -> None:
    """Write the complete file or nothing, replacing any existing file."""
    with errors_of(location):
        if not isinstance(location, Path):
            s3.write(location, data)
        else:
            with atomic.replacing(location) as file:
                file.write(data)


def write_file(location: Location, source: Path) -> None:
    """Copy the local file ``source`` to the location, completely or not at all, replacing any existing file."""
    with errors_of(location):
        if not isinstance(location, Path):
            s3.upload(location, source)
        else:
            with source.open("rb") as content, atomic.replacing(location) as file:
                shutil.copyfileobj(content, file, 1 << 20)


@contextmanager
def writing(location: Location) -> Iterator[IO[bytes]]:
    """Yield an open file, which appears complete at the location when the block ends, replacing any existing file.

    If the block raises an exception, nothing is written. A local file is written once, without a copy elsewhere.
    """
    if isinstance(location, Path):
        with errors_of(location), atomic.replacing(location) as file:
            yield file
        return
    with NamedTemporaryFile(prefix="sightline-") as copy:
        yield copy
        copy.flush()
        write_file(location, Path(copy.name))


def create(location: Location, data: bytes) -> bool:
    """Write the file only if there is none; return whether this call created it.

    Of any number of concurrent calls, on a folder or on S3, at most one returns True. On S3, a request that succeeded
    but whose response was lost is sent again, and then finds its own file. A caller that must detect this writes
    something unique into the file, and reads it back if the result is False.
    """
    with errors_of(location):
        return atomic.create(location, data) if isinstance(location, Path) else s3.create(location, data)


def swap(location: Location, old: bytes | None, new: bytes) -> bool:
    """Write the file only if its content is ``old`` (None: no file); return whether this call wrote it.

    Of any number of concurrent calls, on a folder or on S3, at most one returns True, provided that every writer of
    the file uses ``swap``. A lost response has the same effect as in :func:`create`.
    """
    if old is None:
        return create(location, new)
    with errors_of(location):
        return atomic.swap(location, old, new) if isinstance(location, Path) else s3.swap(location, old, new)


def exists(location: Location) -> bool:
    """Return whether there is a file. A location that cannot be accessed is an error."""
    with errors_of(location):
        return location.is_file() if isinstance(location, Path) else s3.exists(location)


def size(location: Location) -> int:
    """Return the file's size in bytes."""
    return stored(location).size


def file_names(folder: Location) -> list[str]:
    """Return the sorted names of the complete files directly in ``folder``; none if there is no such folder."""
    return sorted(name for name, is_folder in _children(folder) if not is_folder and not atomic.is_partial(name))


def folder_names(folder: Location) -> list[str]:
    """Return the sorted names of the folders directly in ``folder``; none if there is no such folder."""
    return sorted(name for name, is_folder in _children(folder) if is_folder)


@dataclass(frozen=True)
class StoredFile:
    """A file with its size in bytes. ``version`` changes with the content; on S3 it is the ETag."""

    location: Location
    size: int
    version: str
    modified: datetime
    """The time of the last change, with a time zone."""


def walk(folder: Location) -> Iterator[StoredFile]:
    """Yield every complete file below ``folder``, ordered by key as on S3; none if there is no such folder.

    A link to a file counts as a file, even a broken one. Links to folders are not followed.
    """
    with errors_of(folder):
        if isinstance(folder, Path):
            yield from _walk(folder)
            return
        for page in s3.pages(folder, delimiter=""):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    location = s3.locate(f"s3://{folder.bucket}/{item['Key']}")
                    yield _stored_object(location, item, item["Size"])


def unlisted(folder: Location) -> Iterator[Path]:
    """Yield what :func:`walk` leaves out below ``folder``: links to folders, devices, pipes and sockets.

    On S3 there is nothing of that kind.
    """
    if isinstance(folder, Path):
        with errors_of(folder):
            for top, folders, files in os.walk(folder):
                yield from (Path(top, name) for name in sorted(folders) if Path(top, name).is_symlink())
                yield from filter(_is_special, (Path(top, name) for name in sorted(files)))


def stored(location: Location) -> StoredFile:
    """Return the file as :func:`walk` yields it."""
    with errors_of(location):
        if not isinstance(location, Path):
            response = s3.head(location)
            return _stored_object(location, response, response["ContentLength"])
        try:
            stat = location.stat()
        except NotADirectoryError as error:
            raise FileNotFoundError(str(location)) from error
        if S_ISDIR(stat.st_mode):
            raise FileNotFoundError(str(location))
        return _stored_file(location, stat)


def version_of(stat: os.stat_result) -> str:
    """Return a text that changes with a local file's content, without reading it."""
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def move(source: Location, target: Location) -> None:
    """Move a file within one bucket, replacing any file at ``target``; there, no incomplete file ever appears."""
    with errors_of(source):
        if isinstance(source, Path) and isinstance(target, Path):
            atomic.move(source, target)
        elif not isinstance(source, Path) and not isinstance(target, Path):
            s3.move(source, target)
        else:
            raise StorageError(f"{source}: cannot be moved to another kind of storage, {target}")


def copy(source: Location, target: Location) -> None:
    """Copy a file within one bucket, replacing any file at ``target``; there, no incomplete file ever appears."""
    with errors_of(source):
        if isinstance(source, Path):
            write_file(target, source)
        elif not isinstance(target, Path):
            s3.copy(source, target)
        else:
            raise StorageError(f"{source}: cannot be copied to another kind of storage, {target}")


def remove(location: Location) -> None:
    """Remove a file, if there is one."""
    with errors_of(location):
        if not isinstance(location, Path):
            s3.delete(location)
        else:
            location.unlink(missing_ok=True)


def remove_folder(folder: Location) -> None:
    """Remove ``folder``, if it exists, and everything below it, except files that are written in the meantime."""
    with errors_of(folder):
        if not isinstance(folder, Path):
            s3.delete_folder(folder)
        else:
            atomic.remove_folder(folder)


def sweep(folder: Location) -> None:
    """Remove the partial files of dead writers below ``folder``; active writers are not disturbed.

    On S3 there is nothing to remove: an interrupted upload never becomes visible.
    """
    if isinstance(folder, Path):
        with errors_of(folder):
            atomic.sweep(folder)


def fetch(location: Location, folder: Path) -> Path:
    """Return a local file with the content of ``location``: a local file itself, otherwise a copy in ``folder``."""
    if isinstance(location, Path):
        if not exists(location):
            raise FileNotFoundError(str(location))
        return location
    target = folder / location.name
    with errors_of(location):
        s3.download(location, target)
    return target


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a local file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(folder: Path) -> Iterator[StoredFile]:
    try:
        with os.scandir(folder) as scan:
            # In the order of complete keys "a-b/x" precedes "a/x", although the folder "a" precedes "a-b".
            entries = sorted(scan, key=lambda e: os.fsencode(e.name + "/" * e.is_dir(follow_symlinks=False)))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif (entry.is_file() or (entry.is_symlink() and not entry.is_dir())) and not atomic.is_partial(entry.name):
            try:
                stat = entry.stat(follow_symlinks=entry.is_file())
            except FileNotFoundError:  # It was removed in the meantime.
                continue
            yield _stored_file(Path(entry.path), stat)


def _is_special(path: Path) -> bool:
    """Return whether there is a device, a pipe or a socket at ``path``, or behind the link there."""
    try:
        return not S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return False  # A broken link is listed as a file.


def _stored_file(path: Path, stat: os.stat_result) -> StoredFile:
    return StoredFile(path, stat.st_size, version_of(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def _stored_object(location: S3Path, item: dict[str, Any], length: int) -> StoredFile:
    return StoredFile(location, length, item["ETag"].strip('"'), item["LastModified"])


def _children(folder: Location) -> Iterator[tuple[str, bool]]:
    """Yield the name of everything directly in ``folder``, and whether it is a folder."""
    with errors_of(folder):
        if isinstance(folder, Path):
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                yield from ((entry.name, entry.is_dir()) for entry in entries)
            return
        start = len(s3.prefix(folder))
        for page in s3.pages(folder, delimiter="/"):
            yield from ((item["Prefix"][start:-1], True) for item in page.get("CommonPrefixes", ()))
            # Consoles represent an empty folder by a key that ends in "/".
            yield from ((item["Key"][start:], False) for item in page.get("Contents", ()) if item["Key"][start:])


@contextmanager
def errors_of(location: Location) -> Iterator[None]:
    """Raise a failed access to ``location`` in the block as the exceptions of this module."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"{location}: {error}") from error
    except Exception as error:
        if not isinstance(location, Path) and s3.is_missing_object(error, location):
            raise FileNotFoundError(str(location)) from error
        if not isinstance(location, Path) and s3.is_failure(error):
            raise StorageError(f"{location}: {error}") from error
        raise
