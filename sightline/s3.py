"""Objects on S3, with the semantics that :mod:`sightline.storage` gives to files.

The functions raise the exceptions of boto3 and botocore; ``storage`` translates them.
"""

from __future__ import annotations

import mimetypes
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from cloudpathlib import S3Path

from sightline.errors import StorageError, TooLarge

__all__ = [
    "create",
    "delete",
    "delete_folder",
    "download",
    "exists",
    "head",
    "is_missing_object",
    "move",
    "pages",
    "prefix",
    "read",
    "swap",
    "upload",
    "write",
]

_MAX_CONFLICTS = 8  # attempts of a conditional create that S3 answers with "in conflict", about ten seconds in total


def read(location: S3Path, limit: int | None) -> bytes:
    """Return the object's content. Raise ``TooLarge`` without reading it if it has more than ``limit`` bytes."""
    response = location.client.client.get_object(Bucket=location.bucket, Key=location.key)
    if limit is not None and response["ContentLength"] > limit:
        response["Body"].close()
        raise TooLarge(str(location), response["ContentLength"], limit)
    return bytes(response["Body"].read())


def write(location: S3Path, data: bytes) -> None:
    """Write the object, replacing any existing one."""
    location.client.client.put_object(
        Bucket=location.bucket, Key=location.key, Body=data, ContentType=_content_type(location)
    )


def upload(location: S3Path, source: Path) -> None:
    """Write a local file as the object, replacing any existing one."""
    location.client.client.upload_file(
        str(source), location.bucket, location.key, ExtraArgs={"ContentType": _content_type(location)}
    )


def download(location: S3Path, target: Path) -> None:
    """Write the object to a local file."""
    location.client.client.download_file(location.bucket, location.key, str(target))


def create(location: S3Path, data: bytes) -> bool:
    """Write the object only if there is none; return whether this call created it."""
    for attempt in range(_MAX_CONFLICTS):
        try:
            location.client.client.put_object(
                Bucket=location.bucket,
                Key=location.key,
                Body=data,
                ContentType=_content_type(location),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if _status(error) == 412:
                return False
            if _status(error) != 409:
                raise
            # Another request for this key is in progress and may still fail: whether the name is taken is undecided.
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311
        else:
            return True
    raise StorageError(f"{location}: could not be created, other requests were in conflict. Try again later")


def swap(location: S3Path, old: bytes, new: bytes) -> bool:
    """Write the object only if its content is ``old``; return whether this call wrote it."""
    client = location.client.client
    try:
        response = client.get_object(Bucket=location.bucket, Key=location.key)
        if response["Body"].read() != old:
            return False
        client.put_object(
            Bucket=location.bucket,
            Key=location.key,
            Body=new,
            ContentType=_content_type(location),
            IfMatch=response["ETag"],
        )
    except ClientError as error:
        # Another process has written or removed the object, or its request is in progress.
        if _status(error) in (404, 409, 412) and _has_bucket(location):
            return False
        raise
    return True


def exists(location: S3Path) -> bool:
    """Return whether there is an object; raise for a missing bucket."""
    # A HEAD request gives the same answer for a missing bucket and a missing key.
    page = location.client.client.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1)
    return any(item["Key"] == location.key for item in page.get("Contents", ()))


def head(location: S3Path) -> dict[str, Any]:
    """Return the object's metadata: S3's response to a HEAD request."""
    response: dict[str, Any] = location.client.client.head_object(Bucket=location.bucket, Key=location.key)
    return response


def move(source: S3Path, target: S3Path) -> None:
    """Copy the object to ``target``, then delete it."""
    client = source.client.client
    client.copy(
        {"Bucket": source.bucket, "Key": source.key},
        target.bucket,
        target.key,
        # A copy in several parts, which S3 makes of a large object, does not include the content type.
        ExtraArgs={"ContentType": _content_type(target), "MetadataDirective": "REPLACE"},
    )
    client.delete_object(Bucket=source.bucket, Key=source.key)


def delete(location: S3Path) -> None:
    """Delete the object, if there is one."""
    location.client.client.delete_object(Bucket=location.bucket, Key=location.key)


def delete_folder(folder: S3Path) -> None:
    """Delete every object below ``folder``."""
    # Not cloudpathlib's rmtree, which takes a failed listing for an empty folder.
    for page in pages(folder, delimiter=""):
        for item in page.get("Contents", ()):
            folder.client.client.delete_object(Bucket=folder.bucket, Key=item["Key"])


def pages(folder: S3Path, delimiter: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing of ``folder``."""
    paginator = folder.client.client.get_paginator("list_objects_v2")
    yield from paginator.paginate(Bucket=folder.bucket, Prefix=prefix(folder), Delimiter=delimiter)


def prefix(folder: S3Path) -> str:
    """Return the prefix of the keys below ``folder``."""
    return f"{folder.key.rstrip('/')}/" if folder.key else ""


def is_missing_object(error: ClientError, location: S3Path) -> bool:
    """Return whether the request failed because the object is missing, not the bucket."""
    code = error.response["Error"]["Code"]
    # A response without a body has only the status, for a missing key and for a missing bucket alike.
    return bool(code == "NoSuchKey" or (code == "404" and _has_bucket(location)))


def _has_bucket(location: S3Path) -> bool:
    try:
        location.client.client.head_bucket(Bucket=location.bucket)
    except ClientError as error:
        return _status(error) != 404
    return True


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _content_type(location: S3Path) -> str:
    return mimetypes.guess_type(location.name)[0] or "application/octet-stream"
