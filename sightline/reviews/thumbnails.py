"""Thumbnails for questions."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING

import numpy as np

from sightline import storage, vision
from sightline.reviews.records import Question
from sightline.vision import Limits, Rejected

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["data_url", "picture", "thumbnail"]

_SIDE = 160  # pixels of the longer side
_FRAMES = 3  # of a session, side by side
_PERSON = 240  # pixels of the longer side of a person's picture
_QUALITY = 80


def thumbnail(question: Question, limits: Limits) -> bytes | None:
    """Return a JPEG of the image, or of three frames of the session; None if nothing can be read.

    The longer side of an image or frame becomes 160 pixels; a small image is enlarged.
    """
    images = [image for uri in _uris(question) if (image := _small(uri, limits, _SIDE)) is not None]
    if not images:
        return None
    from PIL import Image

    height = max(image.height for image in images)
    strip = Image.new("RGB", (sum(image.width for image in images), height), "white")
    left = 0
    for image in images:
        strip.paste(image, (left, 0))
        left += image.width
    return _jpeg(strip)


def picture(uri: str, limits: Limits) -> bytes | None:
    """Return a JPEG of a person's picture, whose longer side is 240 pixels; None if it cannot be read."""
    image = _small(uri, limits, _PERSON) if uri else None
    return None if image is None else _jpeg(image)


def data_url(jpeg: bytes) -> str:
    """Return a URL that contains the JPEG, so a page shows it without access to the image."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def _uris(question: Question) -> list[str]:
    if question.kind == "image":
        return [question.uri]
    if question.frames is None:
        return []
    folder = storage.locate(question.frames)
    names = [name for name in storage.file_names(folder) if name.endswith(".jpg")]
    indices = np.linspace(0, len(names) - 1, min(_FRAMES, len(names)))
    return [storage.uri_of(folder / names[round(index)]) for index in indices]


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _small(uri: str, limits: Limits, side: int) -> Image | None:
    from PIL import Image

    try:
        data = vision.fetch(vision.ImageRef.named(uri), limits)
        image = Image.fromarray(vision.decode(data, None, limits).pixels)
    except Rejected:  # The question shows its URI, so a person can find the cause.
        return None
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
