"""Why an image is rejected: a fixed list, and what each means to a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["PASSING", "Reason", "Rejected"]


class Reason(StrEnum):
    """Why an image has no class."""

    MISSING = "missing"
    DENIED = "denied"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNREACHABLE = "unreachable"
    UNSUPPORTED_URI = "unsupported_uri"
    BAD_BASE64 = "bad_base64"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TOO_MANY_PIXELS = "too_many_pixels"
    ENDPOINT_REFUSED = "endpoint_refused"
    ENDPOINT_UNAVAILABLE = "endpoint_unavailable"


PASSING = frozenset({Reason.UNREACHABLE, Reason.ENDPOINT_UNAVAILABLE})
"""Reasons that may be gone when it is tried again."""


@dataclass(frozen=True)
class Rejected(Exception):
    """One image cannot be classified. ``detail`` says where and what, for a person."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
