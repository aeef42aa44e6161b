"""A decoded frame as three writable planes: the cost of drawing depends on the drawn area, not on the frame.

Video is stored as luma (Y) at full size and two colour planes (U, V) at half size, "4:2:0". Converting a frame to RGB
and back costs several times as much as the overlay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Planes:
    """One frame as displayed, with even width and height.

    ``y``: shape (height, width); ``u`` and ``v``: shape (height / 2, width / 2). ``full_range``: whether black and
    white are 0 and 255, not 16 and 235.
    """

    y: Plane
    u: Plane
    v: Plane
    full_range: bool

    def colour(self, rgb: Rgb) -> Rgb:
        """Convert an RGB colour to Y, U, V of this frame."""
        return rgb_to_yuv(rgb, self.full_range)


@cache
def rgb_to_yuv(rgb: Rgb, full_range: bool) -> Rgb:
    """Convert by ITU-R BT.601, 8 bits. For the few colours of an overlay the difference from BT.709 is invisible."""
    r, g, b = (channel / 255 for channel in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - y) / 1.772, (r - y) / 1.402
    if full_range:
        return round(255 * y), round(128 + 255 * u), round(128 + 255 * v)
    return round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v)


def even(length: int) -> int:
    """Return ``length``, in pixels, rounded up to an even number, as H.264's half-size colour planes require."""
    return length + length % 2


def copy_planes(frame: Any, into: Any) -> Planes:
    """Copy a PyAV frame into the PyAV frame ``into``; return the planes of ``into``.

    ``into`` is ``yuv420p`` and of even size; the last row or column of an odd frame is duplicated.
    """
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    y, u, v = (_view(plane) for plane in into.planes)
    for source, target in zip(frame.planes, (y, u, v), strict=True):
        plane = _view(source)
        height, width = plane.shape
        target[:height, :width] = plane
        if height < target.shape[0]:
            target[height:, :width] = plane[-1:]
        if width < target.shape[1]:
            target[:, width:] = target[:, width - 1 : width]
    return Planes(y, u, v, full_range=frame.format.name == "yuvj420p" or int(frame.color_range) == 2)


def _view(plane: Any) -> Plane:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
