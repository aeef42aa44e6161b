"""Where a frame is searched next for people who are not tracked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.pose.estimator import Frame, SearchWindow
from sightline.pose.windows import parts

__all__ = ["Scan"]

_WIDTH = 96
"""The width of the small image in which motion is looked for, in pixels."""

_CHANGE = 18
"""The change of grey, of 255, that is motion; noise and compression change a block less."""

_LEAST = 6
"""Pixels of the small image that have to move together."""

_SMALLEST = 0.25
"""The smallest side of a window around motion, over the frame's longer side."""

_AROUND = (1.3, 1.9, 2.8)
"""Sides of the windows around motion, in extents of what moves."""

Box = NDArray[np.float64]
"""left, top, right, bottom in pixels."""


class Scan:
    """Windows around what moves outside the people who are known, and all parts of the frame in turn.

    ``shares``: the sides of the parts over the frame's longer side.
    """

    def __init__(self, shares: Sequence[float]) -> None:
        self._shares = shares
        self._turn = -1
        self._size = (0, 0)
        self._last: NDArray[np.int16] | None = None
        self._moving: tuple[float, float, float] | None = None
        self._scale = 0

    def look(self, rgb: Frame, people: Sequence[Box]) -> None:
        """Compare the frame with the one of the last call, outside the boxes of people who are known."""
        import cv2

        height, width = rgb.shape[:2]
        if self._size != (width, height):
            self._size, self._last = (width, height), None
        scale = _WIDTH / width
        step = max(1, width // (4 * _WIDTH))  # Every fourth pixel in each direction is enough, and ten times as fast.
        size = (_WIDTH, max(1, round(height * scale)))
        small = cv2.resize(np.ascontiguousarray(rgb[::step, ::step]), size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
        last, self._last, self._moving = self._last, grey, None
        if last is None:
            return
        moved = (np.abs(grey - last) > _CHANGE).astype(np.uint8)
        for box in people:
            left, top, right, bottom = (box * scale).astype(int).clip(0).tolist()
            moved[top : bottom + 1, left : right + 1] = 0
        if int(moved.sum()) < _LEAST:
            return
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(moved, np.ones((5, 5), np.uint8)))
        x, y, blob_width, blob_height, _ = max(stats[1:count].tolist(), key=lambda stat: stat[4])
        self._moving = (x + blob_width / 2) / scale, (y + blob_height / 2) / scale, max(blob_width, blob_height) / scale

    def motion(self, rgb: Frame) -> SearchWindow | None:
        """Return a window around the largest motion between the last two frames; None if nothing moved.

        Its size alternates, because the detector misses a person who is too small or too large in the window.
        """
        if self._moving is None:
            return None
        self._scale += 1
        x, y, extent = self._moving
        side = max(_AROUND[self._scale % len(_AROUND)] * extent, _SMALLEST * max(self._size))
        return square(x, y, side, rgb)

    def next_part(self, rgb: Frame) -> SearchWindow:
        """Return the next part of the frame."""
        windows = [part for share in self._shares for part in parts(rgb, share)]
        self._turn += 1
        return windows[self._turn % len(windows)]


def square(x: float, y: float, side: float, rgb: Frame) -> SearchWindow:
    """Return the square around a point, moved and reduced so that it lies within the frame; in pixels."""
    height, width = rgb.shape[:2]
    edge = max(1, min(round(side), width, height))
    left = min(max(0, round(x - edge / 2)), width - edge)
    top = min(max(0, round(y - edge / 2)), height - edge)
    return SearchWindow(left, top, edge, edge)
