"""One way to read and write a folder and an S3 bucket alike.

A location is a ``pathlib.Path`` or a ``cloudpathlib.S3Path``; both join alike. What differs, and matters, is here: a
file appears whole or not at all, a name that must be unique is taken by a conditional create, and a listing that
fails is an error, never an empty one. The S3 endpoint, region and credentials come from the standard AWS variables.

Every function raises ``FileNotFoundError`` for a file that is not there and ``StorageError`` for whatever else keeps
a location from being read or written.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from cloudpathlib import S3Path

from sightline import atomic
from sightline.errors import StorageError, TooLarge

Location: TypeAlias = Path | S3Path

_CONFLICTS = 8  # tries of a conditional create that S3 answers with "in conflict", about ten seconds in all


def locate(uri: str | Location) -> Location:
    """The location that ``uri`` names: ``s3://bucket/key``, ``file:///path`` or a path."""
    if isinstance(uri, S3Path):
        return uri
    text = str(uri)
    scheme, separator, _ = text.partition("://")
    if separator and scheme not in ("s3", "file"):
        raise StorageError(f"{text}: {scheme}:// is not a place sightline can read. Give a path or an s3:// URI")
    if separator and scheme == "file":
        return Path(unquote(urlsplit(text).path))
    if separator:
        if not text.partition("://")[2].strip("/"):
            raise StorageError(f"{text}: names no bucket. Write it as s3://bucket/key")
        return S3Path(text.rstrip("/"))
    if text.startswith("s3:/"):
        raise StorageError(f"{text}: a slash is missing; as it stands it names a local folder. Write it as s3://")
    return Path(text).expanduser()


def uri_of(location: Location) -> str:
    """The location as text that means the same in any working directory."""
    return str(location.absolute()) if isinstance(location, Path) else str(location)


def key_under(location: Location, root: Location) -> str | None:
    """The part of ``location`` below ``root``, with ``/`` between its parts; None where it is not below it."""
    if isinstance(location, Path) != isinstance(root, Path):
        return None
    if isinstance(location, Path) and isinstance(root, Path):
        # First as it is written, so that a link in the bucket to a file elsewhere has a key too.
        absolute, top = Path(os.path.abspath(location)), Path(os.path.abspath(root))  # noqa: PTH100
        within = absolute.is_relative_to(top)
        location, root = (absolute, top) if within else (location.resolve(), root.resolve())
    if not location.is_relative_to(root) or location == root:  # type: ignore[arg-type]
        return None
    return str(location.relative_to(root).as_posix())  # type: ignore[arg-type]


def read_bytes(location: Location, limit: int | None = None) -> bytes:
    """The whole file. Raises ``TooLarge``, and reads nothing, where it has more than ``limit`` bytes."""
    with _errors(location):
        if isinstance(location, Path):
            if limit is not None and (length := size(location)) > limit:
                raise TooLarge(str(location), length, limit)
            try:
                with location.open("rb", buffering=0) as file:  # a buffer is no use to who reads all at once
                    return file.readall()
            except (IsADirectoryError, NotADirectoryError) as error:
                raise FileNotFoundError(str(location)) from error
        found = location.client.client.get_object(Bucket=location.bucket, Key=location.key)
        if limit is not None and found["ContentLength"] > limit:
            found["Body"].close()
            raise TooLarge(str(location), found["ContentLength"], limit)
        return bytes(found["Body"].read())


def write_bytes(location: Location, data: bytes) -> None:
    """Write the whole file or nothing, over whatever is there."""
    with _errors(location):
        if isinstance(location, Path):
            with atomic.replacing(location) as file:
                file.write(data)
        else:
            location.client.client.put_object(
                Bucket=location.bucket, Key=location.key, Body=data, ContentType=_content_type(location)
            )


def write_file(location: Location, source: Path) -> None:
    """Copy the local file ``source`` there, whole or not at all, over whatever is there."""
    with _errors(location):
        if isinstance(location, Path):
            with source.open("rb") as content, atomic.replacing(location) as file:
                shutil.copyfileobj(content, file, 1 << 20)
        else:
            location.client.client.upload_file(
                str(source), location.bucket, location.key, ExtraArgs={"ContentType": _content_type(location)}
            )


def create(location: Location, data: bytes) -> bool:
    """Write the file only if none is there; whether this call made it.

    Of any number of processes that try at once, on a folder or on S3, at most one is told True. On S3 a request that
    succeeded without its answer arriving is sent again and then finds its own file: a caller that must tell writes
    something of its own into the file, and reads it back when told False.
    """
    with _errors(location):
        if isinstance(location, Path):
            return atomic.create(location, data)
        return _create_object(location, data)


def swap(location: Location, old: bytes | None, new: bytes) -> bool:
    """Write the file only if its content is ``old``, None for no file; whether this call wrote it.

    Of any number of processes that swap the same file at once, on a folder or on S3, at most one is told True. Where
    they write nothing but by swaps, that is. What :func:`create` says of a lost answer holds here too.
    """
    if old is None:
        return create(location, new)
    with _errors(location):
        if isinstance(location, Path):
            return atomic.swap(location, old, new)
        client = location.client.client
        try:
            found = client.get_object(Bucket=location.bucket, Key=location.key)
            if found["Body"].read() != old:
                return False
            client.put_object(
                Bucket=location.bucket,
                Key=location.key,
                Body=new,
                ContentType=_content_type(location),
                IfMatch=found["ETag"],
            )
        except ClientError as error:
            # Written by another, removed by another, or in conflict with a request of another's that is under way.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 409, 412) and _has_bucket(location):
                return False
            raise
        return True


def exists(location: Location) -> bool:
    """Whether a file is there. What cannot be looked at is an error, not an absence."""
    with _errors(location):
        if isinstance(location, Path):
            return location.is_file()
        # Not a request for its head, whose answer to "no such bucket" is the same as to "no such key".
        page = location.client.client.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
        return any(found["Key"] == location.key for found in page.get("Contents", ()))


def size(location: Location) -> int:
    """The file's size in bytes."""
    return stored(location).size


def file_names(folder: Location) -> list[str]:
    """The names of the finished files directly in ``folder``, sorted; none where there is no such folder."""
    return sorted(name for name, is_folder in _children(folder) if not is_folder and not atomic.is_partial(name))


def folder_names(folder: Location) -> list[str]:
    """The names of the folders directly in ``folder``, sorted; none where there is no such folder."""
    return sorted(name for name, is_folder in _children(folder) if is_folder)


@dataclass(frozen=True)
class StoredFile:
    """A file with its size in bytes; ``version`` is another once its content is another, on S3 it is the ETag."""

    location: Location
    size: int
    version: str
    modified: datetime
    """With a zone."""


def walk(folder: Location) -> Iterator[StoredFile]:
    """Every finished file in ``folder`` and below it, by key as S3 orders them; none where there is no such folder.

    A link to a file is one, be it broken; a link to a folder is not followed.
    """
    with _errors(folder):
        if isinstance(folder, Path):
            yield from _walk(folder)
            return
        for page in _pages(folder, delimiter=""):
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):
                    yield _object(S3Path(f"s3://{folder.bucket}/{found['Key']}"), found, found["Size"])


def stored(location: Location) -> StoredFile:
    """The file as :func:`walk` would find it."""
    with _errors(location):
        if isinstance(location, Path):
            try:
                stat = location.stat()
            except NotADirectoryError as error:
                raise FileNotFoundError(str(location)) from error
            if S_ISDIR(stat.st_mode):
                raise FileNotFoundError(str(location))
            return _file(location, stat)
        found = location.client.client.head_object(Bucket=location.bucket, Key=location.key)
        return _object(location, found, found["ContentLength"])


def version_of(stat: os.stat_result) -> str:
    """What tells one content of a local file from another, without reading it."""
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def move(source: Location, target: Location) -> None:
    """Move a file within one bucket, over whatever is at ``target``; that is the old file or the new one, whole."""
    with _errors(source):
        if isinstance(source, Path) and isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        elif isinstance(source, S3Path) and isinstance(target, S3Path):
            client = source.client.client
            client.copy(
                {"Bucket": source.bucket, "Key": source.key},
                target.bucket,
                target.key,
                # A copy in several parts, as S3 makes it of a large file, does not take the type along by itself.
                ExtraArgs={"ContentType": _content_type(target), "MetadataDirective": "REPLACE"},
            )
            client.delete_object(Bucket=source.bucket, Key=source.key)
        else:
            raise StorageError(f"{source}: cannot be moved to another kind of storage, {target}")


def remove(location: Location) -> None:
    """Remove a file; it need not be there."""
    with _errors(location):
        if isinstance(location, Path):
            location.unlink(missing_ok=True)
        else:
            location.client.client.delete_object(Bucket=location.bucket, Key=location.key)


def remove_folder(folder: Location) -> None:
    """Remove ``folder`` and all below it, as far as no one else is writing there; it need not exist."""
    with _errors(folder):
        if isinstance(folder, S3Path):
            # Not cloudpathlib's rmtree, which takes any failure to look for an empty folder.
            for page in _pages(folder, delimiter=""):
                for found in page.get("Contents", ()):
                    folder.client.client.delete_object(Bucket=folder.bucket, Key=found["Key"])
        else:
            atomic.remove_folder(folder)


def sweep(folder: Location) -> None:
    """Remove the half-written files below ``folder`` whose writers are dead; writers at work are not disturbed.

    On S3 there is nothing to do: an upload that breaks off never shows.
    """
    if isinstance(folder, Path):
        with _errors(folder):
            atomic.sweep(folder)


def fetch(location: Location, folder: Path) -> Path:
    """A local file with the content of ``location``: itself where it is local, else a copy in ``folder``."""
    if isinstance(location, Path):
        if not exists(location):
            raise FileNotFoundError(str(location))
        return location
    target = folder / location.name
    with _errors(location):
        location.client.client.download_file(location.bucket, location.key, str(target))
    return target


def content_hash(path: Path) -> str:
    """SHA-256 of a local file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create_object(location: S3Path, data: bytes) -> bool:
    for attempt in range(_CONFLICTS):
        try:
            location.client.client.put_object(
                Bucket=location.bucket,
                Key=location.key,
                Body=data,
                ContentType=_content_type(location),
                IfNoneMatch="*",
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 412:
                return False
            if status != 409:
                raise
            # Another request on this key is under way, and may yet fail: whether the name is taken is not decided.
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311
        else:
            return True
    raise StorageError(f"{location}: could not be created, other requests kept it in conflict. Try again later")


def _walk(folder: Path) -> Iterator[StoredFile]:
    try:
        with os.scandir(folder) as entries:
            # In the order of whole keys "a-b/x" comes before "a/x", although the folder "a" comes before "a-b".
            found = sorted(entries, key=lambda e: os.fsencode(e.name + "/" * e.is_dir(follow_symlinks=False)))
    except FileNotFoundError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif (entry.is_file() or (entry.is_symlink() and not entry.is_dir())) and not atomic.is_partial(entry.name):
            try:
                stat = entry.stat(follow_symlinks=entry.is_file())
            except FileNotFoundError:  # It was removed meanwhile.
                continue
            yield _file(Path(entry.path), stat)


def _file(path: Path, stat: os.stat_result) -> StoredFile:
    return StoredFile(path, stat.st_size, version_of(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def _object(location: S3Path, found: dict[str, Any], length: int) -> StoredFile:
    return StoredFile(location, length, found["ETag"].strip('"'), found["LastModified"])


def _children(folder: Location) -> Iterator[tuple[str, bool]]:
    """Name, and whether it is a folder, of everything directly in ``folder``."""
    with _errors(folder):
        if isinstance(folder, Path):
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                yield from ((entry.name, entry.is_dir()) for entry in entries)
            return
        start = len(_prefix(folder))
        for page in _pages(folder, delimiter="/"):
            yield from ((found["Prefix"][start:-1], True) for found in page.get("CommonPrefixes", ()))
            # A key that ends in "/" is what consoles make for an empty folder.
            yield from ((found["Key"][start:], False) for found in page.get("Contents", ()) if found["Key"][start:])


def _pages(folder: S3Path, delimiter: str) -> Iterator[dict[str, Any]]:
    paginator = folder.client.client.get_paginator("list_objects_v2")
    yield from paginator.paginate(Bucket=folder.bucket, Prefix=_prefix(folder), Delimiter=delimiter)


def _prefix(folder: S3Path) -> str:
    return f"{folder.key.rstrip('/')}/" if folder.key else ""


def _content_type(location: S3Path) -> str:
    return mimetypes.guess_type(location.name)[0] or "application/octet-stream"


@contextmanager
def _errors(location: Location) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # An answer without a body has only the number, for a missing key and a missing bucket alike.
        if code == "NoSuchKey" or (code == "404" and _has_bucket(location)):
            raise FileNotFoundError(str(location)) from error
        raise StorageError(f"{location}: {error}") from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise StorageError(f"{location}: {error}") from error


def _has_bucket(location: Location) -> bool:
    if isinstance(location, Path):
        return True
    try:
        location.client.client.head_bucket(Bucket=location.bucket)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] != 404)
    return True
