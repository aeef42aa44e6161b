"""A decoded frame as three writable planes, so that drawing costs what is drawn and not a whole frame.

Video is stored as luma (Y) at full size and two colour planes (U, V) at half size, "4:2:0". Turning a frame into RGB
and back costs several times what an overlay does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.media.frames import upright

Plane = NDArray[np.uint8]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Planes:
    """One frame, displayed way up, of even width and height.

    ``y``: shape (height, width); ``u`` and ``v``: shape (height / 2, width / 2). ``full_range``: whether black and
    white are 0 and 255, not 16 and 235.
    """

    y: Plane
    u: Plane
    v: Plane
    full_range: bool

    def colour(self, rgb: Rgb) -> Rgb:
        """An RGB colour as Y, U, V of this frame."""
        return rgb_to_yuv(rgb, self.full_range)


@cache
def rgb_to_yuv(rgb: Rgb, full_range: bool) -> Rgb:
    """ITU-R BT.601, 8 bits. For the few colours of an overlay its difference from BT.709 is not seen."""
    r, g, b = (channel / 255 for channel in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - y) / 1.772, (r - y) / 1.402
    if full_range:
        return round(255 * y), round(128 + 255 * u), round(128 + 255 * v)
    return round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v)


def even(length: int) -> int:
    """The length in pixels that H.264's half-size colour planes ask for."""
    return length + length % 2


def read_planes(frame: Any, rotation: int, into: Any) -> Planes:
    """Copy a PyAV frame, turned clockwise by ``rotation``, into the PyAV frame ``into``; the planes of ``into``.

    ``into`` is ``yuv420p`` and of even size; an odd row or column is doubled at its edge.
    """
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    y, u, v = (_view(plane) for plane in into.planes)
    for source, target in zip(frame.planes, (y, u, v), strict=True):
        picture = upright(_view(source), rotation)
        height, width = picture.shape
        target[:height, :width] = picture
        if height < target.shape[0]:
            target[height:, :width] = picture[-1:]
        if width < target.shape[1]:
            target[:, width:] = target[:, width - 1 : width]
    return Planes(y, u, v, full_range=frame.format.name == "yuvj420p" or int(frame.color_range) == 2)


def _view(plane: Any) -> Plane:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
