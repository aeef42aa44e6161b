"""The hidden part of a frame, and how it is filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sightline.media.colours import colour_of
from sightline.media.planes import Rgb
from sightline.media.silhouette import Mask

__all__ = ["Cover", "fill", "hidden_colour"]

_EDGE = 100
"""Of 255, in the smoothed mask: the edge is a little outside the hidden pixels of the coarse canvas."""

_NEUTRAL = (84, 86, 92)
_TINT = 0.3


class Cover(NamedTuple):
    """The hidden part of a frame. ``numbers``: a coarse mask, shape (rows, columns), 0 where nothing is hidden.

    The value is the number of the person, modulo 255 and plus 1. ``step``: the side of one of its pixels in pixels of
    the frame, an even number.
    """

    numbers: Mask
    step: int


def fill(image: Mask, cover: Cover, scale: int, channel: int, colour: Callable[[int], tuple[int, ...]]) -> None:
    """Replace the hidden part of an image of one channel, in place.

    ``scale``: pixels of the frame per pixel of the image. ``colour``: all channels of the colour for the number of a
    person.
    """
    import cv2

    x, y, width, height = cv2.boundingRect(cover.numbers)
    if not width:
        return
    # Two pixels more on each side, for the interpolation.
    left, top = max(0, x - 2), max(0, y - 2)
    part = np.ascontiguousarray(cover.numbers[top : y + height + 2, left : x + width + 2])
    step = cover.step // scale
    region = image[top * step : (top + part.shape[0]) * step, left * step : (left + part.shape[1]) * step]
    size = part.shape[1] * step, part.shape[0] * step
    soft = cv2.GaussianBlur((part > 0).astype(np.uint8) * 255, (3, 3), 0)
    inside = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR) > _EDGE
    levels = np.zeros(256, np.uint8)
    for value in np.unique(part[part > 0]).tolist():
        levels[value] = colour(value - 1)[channel]
    values = cv2.resize(levels[_spread(part)], size, interpolation=cv2.INTER_NEAREST)
    rows, columns = region.shape
    np.copyto(region, values[:rows, :columns], where=inside[:rows, :columns])


def _spread(numbers: Mask) -> Mask:
    """Return the numbers with those next to the edge continued by a pixel, where interpolation needs them."""
    import cv2

    wide = cv2.dilate(numbers, np.ones((5, 5), np.uint8))
    return np.where(numbers > 0, numbers, wide)


def hidden_colour(number: int) -> Rgb:
    """Return the colour of a hidden person; 0 is somebody without a number."""
    tint = colour_of(number) if number else _NEUTRAL
    red, green, blue = (round((1 - _TINT) * base + _TINT * own) for base, own in zip(_NEUTRAL, tint, strict=True))
    return red, green, blue
