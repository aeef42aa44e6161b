"""The fixed list of reasons for which an image is rejected, or a file is skipped."""

from __future__ import annotations

from enum import StrEnum

from sightline.urls import without_credentials

__all__ = ["TRANSIENT", "Reason", "Rejected"]


class Reason(StrEnum):
    """Why an image has no class."""

    MISSING = "missing"
    """There is no such file, object or page."""
    DENIED = "denied"
    """It exists or may exist, and this machine may not read it."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """Its URL leads, directly or by a redirect, to an address that is not public."""
    NOT_ALLOWED = "not_allowed"
    """Its host is not on the list of allowed hosts, or its bucket is not on that of allowed buckets."""
    UNREACHABLE = "unreachable"
    """The server or the bucket did not respond, closed the connection, or took too long."""
    BAD_RESPONSE = "bad_response"
    """The server's answer never leads to an image: redirects without an end, or a status such as 400 or 501."""
    UNSUPPORTED_URI = "unsupported_uri"
    """Its name cannot be read: ``ftp://…``, a local path in a payload, or no text."""
    BAD_BASE64 = "bad_base64"
    """Its text in a payload is not base64."""
    EMPTY = "empty"
    """It has 0 bytes."""
    TOO_LARGE = "too_large"
    """Its file has more bytes than the limit."""
    NOT_AN_IMAGE = "not_an_image"
    """Its content is not an image, or is in an unsupported format."""
    TRUNCATED = "truncated"
    """It starts like an image, and is truncated or damaged."""
    UNKNOWN_RANGE = "unknown_range"
    """It has more than 8 bits a sample, and does not declare which values are black and white."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """It has more pixels than the limit."""
    HIDDEN = "hidden"
    """It is hidden, or in a hidden folder: one of its names begins with a dot. Of files in a folder only."""
    LINKED_FOLDER = "linked_folder"
    """It is a link to a folder, which is not followed. Of files in a folder only."""
    ENDPOINT_REFUSED = "endpoint_refused"
    """The endpoint rejects this image."""
    ENDPOINT_UNAVAILABLE = "endpoint_unavailable"
    """The endpoint was throttled or failed at every attempt."""


TRANSIENT = frozenset({Reason.DENIED, Reason.UNREACHABLE, Reason.ENDPOINT_UNAVAILABLE})
"""Reasons outside the image, which may not occur on the next attempt."""


class Rejected(Exception):
    """An image cannot be classified. ``detail`` describes the place and the problem, without credentials of URLs."""

    # Not a frozen dataclass, because context managers set an exception's traceback.
    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = without_credentials(detail)
        super().__init__(reason, self.detail)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
