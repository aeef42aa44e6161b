"""Objects on S3, with the semantics that :mod:`sightline.storage` gives to files.

The functions raise the exceptions of boto3 and botocore; ``storage`` translates them. Every request goes through
:func:`sightline.outages.patiently`, alone: a sequence of requests, such as a copy and a delete, continues after an
outage and is not repeated.

Botocore accepts a response whose connection was closed after its head: an empty listing, a copy without a result.
``reject_incomplete_responses`` makes such a response an error of the service, which is retried.
"""

from __future__ import annotations

import mimetypes
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sightline.errors import StorageError, TooLarge
from sightline.outages import patiently

if TYPE_CHECKING:
    from cloudpathlib import S3Path

__all__ = [
    "abort_uploads",
    "create",
    "delete",
    "delete_folder",
    "delete_version",
    "download",
    "exists",
    "head",
    "is_failure",
    "is_missing_object",
    "locate",
    "move",
    "pages",
    "prefix",
    "read",
    "read_start",
    "read_version",
    "reject_incomplete_responses",
    "swap",
    "upload",
    "versions",
    "write",
]

_MAX_CONFLICTS = 8  # attempts of a conditional create that S3 answers with "in conflict", about ten seconds in total


def locate(uri: str) -> S3Path:
    """Return the location of an object or a folder. Only this imports boto3, which takes as long as numpy."""
    from cloudpathlib import S3Path

    return S3Path(uri)


def read(location: S3Path, limit: int | None) -> bytes:
    """Return the object's content. Raise ``TooLarge`` without reading it if it has more than ``limit`` bytes."""
    return _content(location, limit)[0]


def read_start(location: S3Path, length: int) -> bytes:
    """Return the first ``length`` bytes of the object, or all if it has fewer."""

    def request() -> bytes:
        response = _client(location).get_object(Bucket=location.bucket, Key=location.key, Range=f"bytes=0-{length - 1}")
        content: bytes = response["Body"].read()
        return content

    try:
        return patiently(request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":  # It has no byte.
            return b""
        raise


def write(location: S3Path, data: bytes) -> None:
    """Write the object, replacing any existing one."""
    _put(location, data)


def upload(location: S3Path, source: Path) -> None:
    """Write a local file as the object, replacing any existing one."""
    client, extra = _client(location), {"ContentType": _content_type(location)}
    patiently(lambda: client.upload_file(str(source), location.bucket, location.key, ExtraArgs=extra))


def download(location: S3Path, target: Path) -> None:
    """Write the object to a local file."""
    patiently(lambda: _client(location).download_file(location.bucket, location.key, str(target)))


def create(location: S3Path, data: bytes) -> bool:
    """Write the object only if there is none; return whether this call created it."""
    for attempt in range(_MAX_CONFLICTS):
        try:
            _put(location, data, IfNoneMatch="*")
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
    try:
        content, etag = _content(location)
        if content != old:
            return False
        _put(location, new, IfMatch=etag)
    except ClientError as error:
        # Another process has written or removed the object, or its request is in progress.
        if _status(error) in (404, 409, 412) and _has_bucket(location):
            return False
        raise
    return True


def exists(location: S3Path) -> bool:
    """Return whether there is an object; raise for a missing bucket."""
    # A HEAD request gives the same answer for a missing bucket and a missing key.
    client = _client(location)
    page = patiently(lambda: client.list_objects_v2(Bucket=location.bucket, Prefix=location.key, MaxKeys=1))
    return any(item["Key"] == location.key for item in page.get("Contents", ()))


def head(location: S3Path) -> dict[str, Any]:
    """Return the object's metadata: S3's response to a HEAD request."""
    client = _client(location)
    response: dict[str, Any] = patiently(lambda: client.head_object(Bucket=location.bucket, Key=location.key))
    return response


def move(source: S3Path, target: S3Path) -> None:
    """Copy the object to ``target``, then delete it."""
    copy(source, target)
    delete(source)


def copy(source: S3Path, target: S3Path) -> None:
    """Copy the object to ``target``, without its content passing through this machine."""
    client, copied = _client(source), {"Bucket": source.bucket, "Key": source.key}
    # A copy in several parts, which S3 makes of a large object, does not include the content type.
    extra = {"ContentType": _content_type(target), "MetadataDirective": "REPLACE"}
    patiently(lambda: client.copy(copied, target.bucket, target.key, ExtraArgs=extra))


def delete(location: S3Path) -> None:
    """Delete the object, if there is one."""
    _delete(location, location.key)


def delete_folder(folder: S3Path) -> None:
    """Delete every object below ``folder``."""
    # Not cloudpathlib's rmtree, which takes a failed listing for an empty folder.
    for page in pages(folder, delimiter=""):
        for item in page.get("Contents", ()):
            _delete(folder, item["Key"])


def pages(folder: S3Path, delimiter: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing of ``folder``."""
    # Not botocore's paginator, which cannot continue after a page that failed.
    request = {"Bucket": folder.bucket, "Prefix": prefix(folder), "Delimiter": delimiter}
    while True:
        page: dict[str, Any] = patiently(lambda: _client(folder).list_objects_v2(**request))
        yield page
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def versions(folder: S3Path) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield every version of the objects below ``folder``, and every marker of a removal; the flag tells a marker."""
    request = {"Bucket": folder.bucket, "Prefix": prefix(folder)}
    while True:
        page: dict[str, Any] = patiently(lambda: _client(folder).list_object_versions(**request))
        yield from ((item, False) for item in page.get("Versions", ()))
        yield from ((item, True) for item in page.get("DeleteMarkers", ()))
        if not page.get("IsTruncated"):
            return
        request.update(KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"])


def read_version(location: S3Path, version: str) -> bytes:
    """Return the content of one version of the object."""

    def request() -> bytes:
        response = _client(location).get_object(Bucket=location.bucket, Key=location.key, VersionId=version)
        content: bytes = response["Body"].read()
        return content

    return patiently(request)


def delete_version(location: S3Path, version: str) -> None:
    """Delete one version of the object permanently, or a marker of its removal."""
    patiently(lambda: _client(location).delete_object(Bucket=location.bucket, Key=location.key, VersionId=version))


def abort_uploads(folder: S3Path) -> None:
    """Abort the multipart uploads below ``folder``, whose parts are stored but not listed."""
    client, request = _client(folder), {"Bucket": folder.bucket, "Prefix": prefix(folder)}
    while True:
        page: dict[str, Any] = patiently(lambda: client.list_multipart_uploads(**request))
        for item in page.get("Uploads", ()):
            upload = {"Bucket": folder.bucket, "Key": item["Key"], "UploadId": item["UploadId"]}
            patiently(partial(client.abort_multipart_upload, **upload))
        if not page.get("IsTruncated"):
            return
        request.update(KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"])


def prefix(folder: S3Path) -> str:
    """Return the prefix of the keys below ``folder``."""
    return f"{folder.key.rstrip('/')}/" if folder.key else ""


def is_failure(error: Exception) -> bool:
    """Return whether a request to S3 failed, or could not be sent."""
    from boto3.exceptions import Boto3Error

    return isinstance(error, BotoCoreError | ClientError | Boto3Error)


def is_missing_object(error: Exception, location: S3Path) -> bool:
    """Return whether the request failed because the object is missing, not the bucket."""
    if not isinstance(error, ClientError):
        return False
    code = error.response["Error"]["Code"]
    # A response without a body has only the status, for a missing key and for a missing bucket alike.
    return bool(code == "NoSuchKey" or (code == "404" and _has_bucket(location)))


def reject_incomplete_responses(client: Any) -> None:
    """Treat a response of the boto3 client with fewer bytes than its head declares as an internal server error.

    Streamed bodies are not affected: botocore checks their length itself.
    """
    client.meta.events.register("before-parse", _reject_incomplete, unique_id="sightline-incomplete-response")


def _reject_incomplete(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    body, headers = response_dict["body"], response_dict["headers"]
    if not isinstance(body, bytes) or operation_model.http.get("method") == "HEAD":
        return
    declared = headers.get("content-length")
    chunked = "transfer-encoding" in headers
    # A response without a length and a body is complete only if its status says that there is no body.
    complete = len(body) >= int(declared) if declared else bool(body) or chunked or response_dict["status_code"] == 204
    if not complete:
        response_dict["status_code"] = 500  # as botocore's handler of errors in the body of a successful response


def _client(location: S3Path) -> Any:
    """Return the boto3 client of the location."""
    client = location.client.client
    reject_incomplete_responses(client)
    return client


def _content(location: S3Path, limit: int | None = None) -> tuple[bytes, str]:
    """Return the object's content and its ETag."""

    def request() -> tuple[bytes, str]:
        response = _client(location).get_object(Bucket=location.bucket, Key=location.key)
        if limit is not None and response["ContentLength"] > limit:
            response["Body"].close()
            raise TooLarge(str(location), response["ContentLength"], limit)
        return response["Body"].read(), response["ETag"]

    return patiently(request)


def _put(location: S3Path, data: bytes, **condition: str) -> None:
    client, content_type = _client(location), _content_type(location)
    patiently(
        lambda: client.put_object(
            Bucket=location.bucket, Key=location.key, Body=data, ContentType=content_type, **condition
        )
    )


def _delete(location: S3Path, key: str) -> None:
    patiently(lambda: _client(location).delete_object(Bucket=location.bucket, Key=key))


def _has_bucket(location: S3Path) -> bool:
    try:
        patiently(lambda: _client(location).head_bucket(Bucket=location.bucket))
    except ClientError as error:
        return _status(error) != 404
    return True


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _content_type(location: S3Path) -> str:
    return mimetypes.guess_type(location.name)[0] or "application/octet-stream"
