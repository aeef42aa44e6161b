"""Colour management: an image with an ICC profile is converted to sRGB, by LittleCMS."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["to_srgb"]

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""The colour space of a profile that matches a mode."""
_WITHOUT_EFFECT = 1
"""The largest difference, of 255, that a profile of sRGB itself makes by rounding."""


def to_srgb(image: Image, warnings: list[str]) -> Image:
    """Return the image in sRGB, in mode RGB; unchanged if it has no profile or that of sRGB.

    The image has mode L, RGB, CMYK or LAB. A profile that is damaged, or of another colour space, is ignored with a
    warning, which is added to ``warnings``.
    """
    from PIL.ImageCms import PyCMSError

    if "icc_profile" not in image.info or image.mode not in _SPACES:
        return image
    try:
        transform = _transform(image.info["icc_profile"], image.mode)
    except (PyCMSError, OSError, ValueError) as error:
        warnings.append(f"its ICC profile is ignored, so its colours may be wrong: {error}")
        return image
    return image if transform is None else transform.apply(image)


@lru_cache(maxsize=32)
def _transform(profile: bytes | None, mode: str) -> Any:
    """Return the transformation to sRGB by the profile's rendering intent; None if it changes nothing."""
    from PIL import Image, ImageCms

    if not profile:  # Pillow could not put its parts together.
        raise ValueError("it is damaged")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space != _SPACES[mode]:
        raise ValueError(f"it is one of {space}, and the image is {mode}")
    intent = ImageCms.Intent(source.profile.rendering_intent)
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
    if mode == "RGB":
        steps = np.arange(0, 256, 15, dtype=np.uint8)
        cube = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(len(steps), -1, 3))
        change = np.asarray(transform.apply(cube), np.int16) - np.asarray(cube, np.int16)
        if np.abs(change).max() <= _WITHOUT_EFFECT:
            return None
    return transform
