"""Why an image is rejected: a fixed list, and what each means to a person."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TRANSIENT", "Reason", "Rejected"]


class Reason(StrEnum):
    """Why an image has no class."""

    MISSING = "missing"
    """There is no such file, object or page."""
    DENIED = "denied"
    """It is there, or may be, and this machine may not read it."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """Its URL leads, at once or by a redirect, to an address that is not public."""
    NOT_ALLOWED = "not_allowed"
    """Its host or its bucket is not on the list of those that may be read for a caller."""
    UNREACHABLE = "unreachable"
    """The server or the bucket did not answer, broke off, or took too long."""
    UNSUPPORTED_URI = "unsupported_uri"
    """Its name is none that can be read from here: ``ftp://…``, a local path in a payload, no text at all."""
    BAD_BASE64 = "bad_base64"
    """A payload holds text for it that is not base64."""
    EMPTY = "empty"
    """It has 0 bytes."""
    TOO_LARGE = "too_large"
    """Its file has more bytes than the limit."""
    NOT_AN_IMAGE = "not_an_image"
    """Its content is something else, or of a kind that is not taken."""
    TRUNCATED = "truncated"
    """It begins as an image does, and then breaks off or is damaged."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """It would have more pixels than the limit, once decoded."""
    ENDPOINT_REFUSED = "endpoint_refused"
    """The endpoint does not take this image."""
    ENDPOINT_UNAVAILABLE = "endpoint_unavailable"
    """The endpoint was throttled, or failed, at each try."""


TRANSIENT = frozenset({Reason.DENIED, Reason.UNREACHABLE, Reason.ENDPOINT_UNAVAILABLE})
"""Reasons that may be gone when it is tried again: they lie outside the image."""


class Rejected(Exception):
    """One image cannot be classified. ``detail`` says where and what, for a person."""

    # Not a frozen dataclass: context managers set an exception's traceback.
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
