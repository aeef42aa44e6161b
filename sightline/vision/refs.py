"""One image that is meant, before anything of it is read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from sightline.vision.reasons import Reason

__all__ = ["ImageRef", "shortened", "unreadable"]


class ImageRef(BaseModel):
    """One image that is meant. ``data``: its bytes, where a payload holds them.

    ``version`` differs where the content does: size and time of a file, ETag of an object. None where nothing tells.
    ``reason`` and ``problem``, for a person, say why it cannot be read, where that is known without trying.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    version: str | None = None
    data: bytes | None = None
    reason: Reason | None = None
    problem: str | None = None
    remote: bool = False
    """Whether it was named by a caller elsewhere, who must not read this machine's files."""

    @classmethod
    def named(cls, uri: str, **known: Any) -> ImageRef:
        """The image at ``uri``; one that cannot be read where that is no text, as the name of an old file may be."""
        shown = uri.encode("utf-8", "backslashreplace").decode()
        if shown != uri:
            return unreadable(shown, Reason.UNSUPPORTED_URI, "its name is not Unicode. Rename it")
        return cls(uri=uri, **known)


def unreadable(uri: str, reason: Reason, problem: str) -> ImageRef:
    """An image that is recorded as rejected for ``reason``; nothing of it is fetched."""
    return ImageRef(uri=uri, reason=reason, problem=problem)


def shortened(value: Any) -> str:
    """What a message shows of what a caller gave."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
