"""Where a frame is searched next for people who are not tracked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        self._last: _Small | None = None
        self._searched: _Small | None = None
        self._moving: tuple[float, float, float] | None = None
        self._has_moved = False
        self._scale = 0

    def look(self, rgb: Frame, people: Sequence[Box]) -> None:
        """Compare the frame with those of the last call and of the last search, outside the people who are known."""
        import cv2

        height, width = rgb.shape[:2]
        if self._size != (width, height):
            self._size, self._last, self._searched = (width, height), None, None
        scale = _WIDTH / width
        last, self._last, self._moving = self._last, _Small.of(rgb, people), None
        if last is None:
            return
        moved = self._last.changes(last)
        if int(moved.sum()) < _LEAST:
            return
        self._has_moved = True
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(moved, np.ones((5, 5), np.uint8)))
        x, y, blob_width, blob_height, _ = max(stats[1:count].tolist(), key=lambda stat: stat[4])
        self._moving = (x + blob_width / 2) / scale, (y + blob_height / 2) / scale, max(blob_width, blob_height) / scale

    def searched(self) -> None:
        """Remember the frame of the last call of :meth:`look` as one that has been searched."""
        self._searched, self._has_moved = self._last, False

    @property
    def is_new(self) -> bool:
        """Whether anything has moved since the last search, or looks different from then, however slowly it changed.

        Where a known person is now, nothing counts; where one was at the last search, only motion does.
        """
        if self._searched is None or self._last is None or self._has_moved:
            return True
        changes = self._last.changes(self._searched)
        changes[self._searched.people] = 0
        return int(changes.sum()) >= _LEAST

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


@dataclass(frozen=True, eq=False)
class _Small:
    """A small grey image of a frame; ``people``: where the people are who are known, a mask of its shape."""

    grey: NDArray[np.uint8]
    people: NDArray[np.bool_]

    @classmethod
    def of(cls, rgb: Frame, people: Sequence[Box]) -> _Small:
        import cv2

        height, width = rgb.shape[:2]
        scale = _WIDTH / width
        size = (_WIDTH, max(1, round(height * scale)))
        # Every fourth pixel in each direction is enough, and ten times as fast.
        step = max(1, width // (4 * _WIDTH))
        sparse = np.ascontiguousarray(rgb[::step, ::step])
        grey = cv2.cvtColor(cv2.resize(sparse, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        mask = np.zeros(grey.shape, bool)
        for box in people:
            left, top, right, bottom = (box * scale).astype(int).clip(0).tolist()
            mask[top : bottom + 1, left : right + 1] = True
        return cls(np.asarray(grey, np.uint8), mask)

    def changes(self, before: _Small) -> NDArray[np.uint8]:
        """Return 1 where this image differs from an earlier one, except where people are now; 0 elsewhere."""
        import cv2

        changed = (cv2.absdiff(self.grey, before.grey) > _CHANGE) & ~self.people
        return np.asarray(changed, np.uint8)


def square(x: float, y: float, side: float, rgb: Frame) -> SearchWindow:
    """Return the square around a point, moved and reduced so that it lies within the frame; in pixels."""
    height, width = rgb.shape[:2]
    edge = max(1, min(round(side), width, height))
    left = min(max(0, round(x - edge / 2)), width - edge)
    top = min(max(0, round(y - edge / 2)), height - edge)
    return SearchWindow(left, top, edge, edge)
