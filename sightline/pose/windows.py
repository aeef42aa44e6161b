"""Parts of a frame, searched at a higher resolution than the full frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sightline.pose.estimator import Frame, Region, SearchWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def full_frame(rgb: Frame) -> SearchWindow:
    """Return the window of the full frame."""
    return SearchWindow(0, 0, rgb.shape[1], rgb.shape[0])


def parts(rgb: Frame, share: float) -> list[SearchWindow]:
    """Return squares that cover the frame and overlap by a third, of at most ``share`` of the frame's longer side."""
    height, width = rgb.shape[:2]
    side = min(height, width, round(share * max(height, width)))
    return [SearchWindow(left, top, side, side) for top in _starts(height, side) for left in _starts(width, side)]


def around(region: Region, rgb: Frame) -> SearchWindow | None:
    """Return the window within one side of the region's centre; None if too little of it is in the frame."""
    height, width = rgb.shape[:2]
    left, top = max(0, round(region.x - region.side)), max(0, round(region.y - region.side))
    right, bottom = min(width, round(region.x + region.side)), min(height, round(region.y + region.side))
    window = SearchWindow(left, top, right - left, bottom - top)
    return window if min(window.width, window.height) >= region.side / 4 else None


def distinct(regions: Iterable[Region]) -> list[Region]:
    """Return the regions without those that show the same person as an earlier one."""
    people: list[Region] = []
    for region in regions:
        if not any(
            math.hypot(region.x - other.x, region.y - other.y) < 0.2 * other.side and 0.5 < region.side / other.side < 2
            for other in people
        ):
            people.append(region)
    return people


def _starts(extent: int, side: int) -> Iterator[int]:
    steps = math.ceil((extent - side) / (side * 2 / 3))
    return (round((extent - side) * step / max(steps, 1)) for step in range(steps + 1))
