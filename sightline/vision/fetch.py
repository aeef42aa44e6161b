"""Reading the bytes of one image, from a payload, a file, S3 or the web."""

from __future__ import annotations

import errno
import gzip
import io
import re
import zlib
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus, urlsplit

from sightline import storage
from sightline.errors import StorageError, TooLarge
from sightline.urls import lacks_credentials, shown_url
from sightline.vision.limits import Limits
from sightline.vision.reasons import Reason, Rejected
from sightline.vision.refs import ImageRef
from sightline.vision.web import download

__all__ = ["fetch"]

_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]*)\.)?s3(?:-fips)?(?:\.dualstack)?(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
)
_GZIP, _ENCODINGS = b"\x1f\x8b\x08", 2  # servers compress what is stored compressed
# A signed URL has its own credentials, and storage does not read earlier versions of an object.
_HTTP_ONLY = {"X-Amz-Signature", "Signature", "versionId"}


def fetch(ref: ImageRef, limits: Limits) -> bytes:
    """Return the bytes of the image file, decompressed if it is stored or sent with gzip. A payload is not changed.

    Raises :class:`Rejected` if it is missing, denied, unreachable, empty, too large, at a forbidden address, or if its
    URI is not supported.
    """
    if ref.reason is not None:
        raise Rejected(ref.reason, ref.problem or "it cannot be read")
    data = ref.data if ref.data is not None else _decompressed(_read(ref, limits), limits)
    if not data:
        raise Rejected(Reason.EMPTY, "the file has 0 bytes")
    if len(data) > limits.bytes:
        raise Rejected(Reason.TOO_LARGE, _too_long(len(data), limits))
    return data


def _decompressed(data: bytes, limits: Limits) -> bytes:
    """Return the content of gzip, as of an object with Content-Encoding: gzip. No image begins like gzip."""
    for _ in range(_ENCODINGS):
        if data.startswith(_GZIP):
            data = _gunzipped(data, limits)
    return data


def _gunzipped(data: bytes, limits: Limits) -> bytes:
    content = bytearray()
    try:
        with gzip.open(io.BytesIO(data)) as file:
            while block := file.read(min(1 << 20, limits.bytes + 1 - len(content))):
                content += block
                if len(content) > limits.bytes:
                    raise Rejected(Reason.TOO_LARGE, f"the file has more bytes than the limit, {limits.bytes}")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Rejected(Reason.TRUNCATED, f"its gzip compression is damaged or truncated: {error}") from error
    return bytes(content)


def _read(ref: ImageRef, limits: Limits) -> bytes:
    scheme, separator, _ = ref.uri.partition("://")
    scheme = scheme.lower() if separator else "file"
    if scheme in ("http", "https"):
        if lacks_credentials(ref.uri):
            raise Rejected(Reason.DENIED, "its URL had credentials, which are not stored. Give the complete URL again")
        uri = _s3_uri(ref.uri)
        return _from_storage(uri, limits) if uri else download(ref.uri, limits)
    if scheme == "s3" or (scheme == "file" and not ref.remote):
        return _from_storage(ref.uri, limits)
    allowed = "https:// or s3://" if ref.remote else "a path, https:// or s3://"
    raise Rejected(Reason.UNSUPPORTED_URI, f"{ref.shown!r} is not {allowed}")


def _s3_uri(url: str) -> str | None:
    """Return the ``s3://`` URI of an S3 URL, which is read with this machine's credentials; None for other URLs."""
    try:
        parts = urlsplit(url)
        match = _S3_HOST.fullmatch(parts.hostname or "")
    except ValueError:  # The download reports the problem.
        return None
    if match is None or parts.username or _HTTP_ONLY & parse_qs(parts.query).keys():
        return None
    # S3 reads a plus sign in a path as a space.
    path = unquote_plus(parts.path).removeprefix("/")
    return f"s3://{match['bucket']}/{path}" if match["bucket"] else f"s3://{path}"


def _from_storage(uri: str, limits: Limits) -> bytes:
    try:
        location = storage.locate(uri)
        if not isinstance(location, Path) and limits.buckets is not None and location.bucket not in limits.buckets:
            raise Rejected(Reason.NOT_ALLOWED, f"the bucket {location.bucket!r} is not on the list of allowed buckets")
        if isinstance(location, Path) and not storage.exists(location):
            storage.size(location)  # Raises an error for a missing file or a folder.
            raise Rejected(Reason.UNSUPPORTED_URI, "it is a device or a pipe, not a file")
        return storage.read_bytes(location, limits.bytes)
    except TooLarge as error:
        raise Rejected(Reason.TOO_LARGE, _too_long(error.size, limits)) from error
    except FileNotFoundError as error:
        raise Rejected(Reason.MISSING, "there is no such file") from error
    except StorageError as error:
        raise Rejected(_reason(error), str(error)) from error
    except (ValueError, RuntimeError) as error:  # A name that no file can have, or ~NOBODY.
        raise Rejected(Reason.UNSUPPORTED_URI, f"{shown_url(uri)!r}: {error}") from error


def _too_long(size: int, limits: Limits) -> str:
    return f"the file has {size} bytes, the limit is {limits.bytes}"


def _reason(error: StorageError) -> Reason:
    from botocore.exceptions import ClientError, ParamValidationError

    cause = error.__cause__
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404:
            return Reason.MISSING
        return Reason.DENIED if 400 <= status < 500 and status not in (408, 429) else Reason.UNREACHABLE
    if isinstance(cause, PermissionError):
        return Reason.DENIED
    if isinstance(cause, OSError) and cause.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return Reason.MISSING
    return Reason.UNSUPPORTED_URI if cause is None or isinstance(cause, ParamValidationError) else Reason.UNREACHABLE
