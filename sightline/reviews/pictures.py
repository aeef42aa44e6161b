"""Small pictures of what a person is asked about."""

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

__all__ = ["data_url", "thumbnail"]

_SIDE = 160  # pixels of the longer one
_FRAMES = 3  # of a session, side by side
_QUALITY = 80


def thumbnail(question: Question, limits: Limits) -> bytes | None:
    """A JPEG of the image, or of three moments of the session; None where it cannot be read.

    No side is longer than 160 pixels, or three times that of a session; a small image is enlarged.
    """
    made = [_small(uri, limits) for uri in _uris(question)]
    pictures = [picture for picture in made if picture is not None]
    if not pictures:
        return None
    from PIL import Image

    height = max(picture.height for picture in pictures)
    strip = Image.new("RGB", (sum(picture.width for picture in pictures), height), "white")
    left = 0
    for picture in pictures:
        strip.paste(picture, (left, 0))
        left += picture.width
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def data_url(picture: bytes) -> str:
    """The JPEG as a URL that holds it, which a page can show wherever the image itself lies."""
    return f"data:image/jpeg;base64,{b64encode(picture).decode()}"


def _uris(question: Question) -> list[str]:
    if question.kind == "image":
        return [question.uri]
    if question.frames is None:
        return []
    folder = storage.locate(question.frames)
    names = [name for name in storage.file_names(folder) if name.endswith(".jpg")]
    places = np.linspace(0, len(names) - 1, min(_FRAMES, len(names)))
    return [storage.uri_of(folder / names[round(place)]) for place in places]


def _small(uri: str, limits: Limits) -> Image | None:
    from PIL import Image

    try:
        data = vision.fetch(vision.ImageRef.named(uri), limits)
        picture = Image.fromarray(vision.decode(data, None, limits).pixels)
    except Rejected:  # The page says where it lies; whoever looks there sees what is wrong with it.
        return None
    scale = _SIDE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
