"""A reference to an image, before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.urls import shown_url
from sightline.vision.reasons import Reason

__all__ = ["ImageRef", "shortened", "unreadable"]


class ImageRef(BaseModel):
    """A reference to an image. ``data``: its bytes, if a payload holds them.

    ``version`` changes with the content: size and time of a file, ETag of an object. None if it is unknown.
    ``reason``, and ``problem`` for people, are set if it is known in advance that the image cannot be read.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    version: str | None = None
    data: bytes | None = None
    reason: Reason | None = None
    problem: str | None = None
    remote: bool = False
    """Whether the caller is on another machine and must not read files of this one."""

    @property
    def is_fixed(self) -> bool:
        """Whether a change of its content would be noticed: its version or its bytes are known."""
        return self.version is not None or self.data is not None

    @property
    def shown(self) -> str:
        """The URI without credentials, for everything that is stored, logged or returned."""
        return shown_url(self.uri)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from ((name, self.shown if name == "uri" else value) for name, value in super().__repr_args__())

    @classmethod
    def named(cls, uri: str, **fields: Any) -> ImageRef:
        """Return the image at ``uri``, or an unreadable one if the name is not Unicode, as old files' names may be."""
        shown = uri.encode("utf-8", "backslashreplace").decode()
        if shown != uri:
            return unreadable(shown, Reason.UNSUPPORTED_URI, "its name is not Unicode. Rename it")
        return cls(uri=uri, **fields)


def unreadable(uri: str, reason: Reason, problem: str) -> ImageRef:
    """Return an image that will be rejected for ``reason`` without being fetched."""
    return ImageRef(uri=uri, reason=reason, problem=problem)


def shortened(value: Any) -> str:
    """Return a caller's value as a message shows it: at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
