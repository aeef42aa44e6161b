"""The bytes of one image, from a payload, a file, S3 or the web."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from sightline import storage
from sightline.errors import StorageError
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.sources import ImageRef
from sightline.vision.web import download

__all__ = ["fetch"]

_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]*)\.)?s3[.-](?:dualstack\.)?(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?"
)


def fetch(ref: ImageRef, limits: Limits) -> bytes:
    """The image file's bytes. Raises :class:`Rejected` where that cannot be done; each way has its own reason."""
    if ref.problem is not None:
        raise Rejected(Reason.BAD_BASE64, ref.problem)
    data = ref.data if ref.data is not None else _read(ref, limits)
    if not data:
        raise Rejected(Reason.EMPTY, "the file has 0 bytes")
    if len(data) > limits.bytes:
        raise Rejected(Reason.TOO_LARGE, f"the file has {len(data)} bytes, the limit is {limits.bytes}")
    return data


def _read(ref: ImageRef, limits: Limits) -> bytes:
    scheme, separator, _ = ref.uri.partition("://")
    scheme = scheme.lower() if separator else "file"
    if scheme in ("http", "https"):
        uri = _s3_uri(ref.uri)
        return _from_storage(uri, limits) if uri else download(ref.uri, limits)
    if scheme == "s3" or (scheme == "file" and not ref.remote):
        return _from_storage(ref.uri, limits)
    allowed = "https:// or s3://" if ref.remote else "a path, https:// or s3://"
    raise Rejected(Reason.UNSUPPORTED_URI, f"{ref.uri!r} is not {allowed}")


def _s3_uri(url: str) -> str | None:
    """An S3 object's own URI, where the URL is one of S3's: it is then read with this machine's credentials."""
    parts = urlsplit(url)
    found = _S3_HOST.fullmatch(parts.hostname or "")
    if found is None or "X-Amz-Signature" in parts.query:  # A signed URL brings its own credentials.
        return None
    path = unquote(parts.path).lstrip("/")
    return f"s3://{found['bucket']}/{path}" if found["bucket"] else f"s3://{path}"


def _from_storage(uri: str, limits: Limits) -> bytes:
    try:
        location = storage.locate(uri)
        size = storage.size(location)
        if size > limits.bytes:
            raise Rejected(Reason.TOO_LARGE, f"the file has {size} bytes, the limit is {limits.bytes}")
        return storage.read_bytes(location)
    except FileNotFoundError as error:
        raise Rejected(Reason.MISSING, "there is no such file") from error
    except StorageError as error:
        raise Rejected(_reason(error), str(error)) from error


def _reason(error: StorageError) -> Reason:
    from botocore.exceptions import ClientError

    cause = error.__cause__
    if isinstance(cause, ClientError):
        status = cause.response["ResponseMetadata"]["HTTPStatusCode"]
        if status in (401, 403):
            return Reason.DENIED
        return Reason.MISSING if status == 404 else Reason.UNREACHABLE
    if isinstance(cause, PermissionError):
        return Reason.DENIED
    return Reason.UNSUPPORTED_URI if cause is None else Reason.UNREACHABLE
