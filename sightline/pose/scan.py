"""Which part of a frame is searched next for people who are not tracked: where something moves, otherwise in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.pose.estimator import Frame, Region, SearchWindow
from sightline.pose.windows import parts

__all__ = ["Scan"]

_WIDTH = 96
"""The width of the small image in which motion is looked for, in pixels."""

_CHANGE = 18
"""The change of grey, of 255, that is motion; noise and compression change a block less."""

_SHARE = 0.004
"""The share of a part that has to move."""


class Scan:
    """Chooses parts of the frames, whose sides are ``shares`` of the frame's longer side."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._shares = shares
        self._windows: list[SearchWindow] = []
        self._size = (0, 0)
        self._last: NDArray[np.int16] | None = None
        self._moved: NDArray[np.bool_] | None = None
        self._turn = -1
        self._since: list[int] = []

    def look(self, rgb: Frame, people: Sequence[Region]) -> None:
        """Compare the frame with the one of the last call, outside the regions of people who are known."""
        import cv2

        height, width = rgb.shape[:2]
        if self._size != (width, height):
            self._size, self._last = (width, height), None
            self._windows = [part for share in self._shares for part in parts(rgb, share)]
            self._since = [0] * len(self._windows)
        small = cv2.resize(rgb, (_WIDTH, max(1, round(_WIDTH * height / width))), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
        moved = np.zeros(grey.shape, bool) if self._last is None else np.abs(grey - self._last) > _CHANGE
        scale = _WIDTH / width
        for person in people:
            half = 0.5 * person.side
            left, right = (max(0, int((person.x + sign * half) * scale)) for sign in (-1, 1))
            top, bottom = (max(0, int((person.y + sign * half) * scale)) for sign in (-1, 1))
            moved[top : bottom + 1, left : right + 1] = False
        self._last, self._moved = grey, moved

    def next_window(self) -> SearchWindow:
        """Return the part to search now. Every part has its turn, even if something moves elsewhere all the time."""
        self._since = [turns + 1 for turns in self._since]
        shares = [self._share(window) for window in self._windows]
        moving = [place for place, share in enumerate(shares) if share > _SHARE]
        self._turn += 1
        if moving and self._turn % 2:
            chosen = max(moving, key=lambda place: shares[place] * self._since[place])
        else:
            chosen = max(range(len(self._windows)), key=lambda place: self._since[place])
        self._since[chosen] = 0
        return self._windows[chosen]

    def _share(self, window: SearchWindow) -> float:
        if self._moved is None:
            return 0.0
        scale = self._moved.shape[1] / self._size[0]
        left, top = int(window.left * scale), int(window.top * scale)
        part = self._moved[top : top + max(1, int(window.height * scale)), left : left + max(1, int(window.width * scale))]
        return float(part.mean()) if part.size else 0.0
