"""What an annotated video shows on top of its pictures: a banner, a skeleton, blurred faces."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.media.banner import Banner, Spoken
from sightline.media.planes import Planes, Rgb
from sightline.media.series import TimeSeries

MIN_CONFIDENCE = 0.5
"""Points under it are not drawn."""

_GAP = 2.5
"""Periods; two samples further apart than that are not joined."""


@dataclass(frozen=True)
class TimedLabel:
    """A text that holds from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    text: str
    colour: Rgb = (200, 200, 200)


class SkeletonSeries(TimeSeries[NDArray[np.float32]]):
    """Where a person's points are, at some times.

    A sample has shape (k, 3): x and y in pixels, and confidence. ``limbs``: pairs of points with the colour of the
    line between them. ``period``: seconds between two samples; where they are further apart the person was not seen in
    between.
    """

    def __init__(self, limbs: Sequence[tuple[int, int, Rgb]], period: float) -> None:
        super().__init__(ahead=_GAP * period)
        self.limbs = limbs
        self._period = period

    def at(self, time: float) -> NDArray[np.float32] | None:
        """The points at ``time``, shape (k, 3), between two samples on the line between them; None where unseen."""
        near = self.between(time, time)
        before = next(((at, points) for at, points in reversed(near) if at <= time), None)
        if before is None:
            return None
        after = next(((at, points) for at, points in near if at > time), None)
        if after is None or after[0] - before[0] > _GAP * self._period:
            return before[1] if time - before[0] < self._period else None
        share = np.float32((time - before[0]) / (after[0] - before[0]))
        points: NDArray[np.float32] = before[1] + share * (after[1] - before[1])
        # A point seen in one of the two only would be drawn half-way to nowhere.
        points[:, 2] = np.minimum(before[1][:, 2], after[1][:, 2])
        return points


class FaceSeries(TimeSeries[NDArray[np.float32]]):
    """Boxes to blur, found at some times.

    A sample has shape (m, 4): x0, y0, x1, y1 in pixels. ``reach``: seconds around a time in which its boxes hold, so
    that a face missed once stays covered.
    """

    def __init__(self, reach: float) -> None:
        super().__init__(ahead=0.0)
        self._reach = reach

    def at(self, time: float) -> NDArray[np.float32]:
        """The boxes to blur at ``time``, shape (m, 4)."""
        found = self.between(time - self._reach, time + self._reach)
        near = [boxes for at, boxes in found if abs(at - time) <= self._reach]
        return np.concatenate(near) if near else np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class Overlay:
    """All that is drawn. ``emotions`` and ``captions`` are in order of time."""

    duration: float
    emotions: Sequence[TimedLabel] = ()
    captions: Sequence[TimedLabel] = ()
    people: Sequence[str] = ()
    skeleton: SkeletonSeries | None = None
    faces: FaceSeries | None = None

    def draw(self, planes: Planes, time: float, banner: Banner) -> None:
        """Draw what holds at ``time`` (seconds) on the frame, in place."""
        if self.faces is not None:
            blur_boxes([planes.y, planes.u, planes.v], self.faces.at(time), planes.y.shape[1])
        if self.skeleton is not None and (points := self.skeleton.at(time)) is not None:
            _draw_skeleton(planes, points, self.skeleton.limbs)
        emotion, caption = _at(self.emotions, time), _at(self.captions, time)
        spoken = Spoken(
            emotion=emotion.text if emotion else "",
            colour=emotion.colour if emotion else TimedLabel.colour,
            people=tuple(self.people),
            text=caption.text if caption else "",
            share=(time - caption.start) / max(caption.end - caption.start, 1e-9) if caption else 0.0,
        )
        banner.draw(planes, spoken, time / self.duration if self.duration else 1.0)


def palette(names: Sequence[str]) -> dict[str, Rgb]:
    """A colour for each name, told apart by colour-blind people too (Okabe and Ito 2008), repeating after seven."""
    return {name: _OKABE_ITO[place % len(_OKABE_ITO)] for place, name in enumerate(names)}


_OKABE_ITO: tuple[Rgb, ...] = (
    (240, 228, 66), (86, 180, 233), (204, 121, 167), (200, 200, 200), (213, 94, 0), (0, 158, 115), (230, 159, 0),
)  # fmt: skip


def _at(spans: Sequence[TimedLabel], time: float) -> TimedLabel | None:
    before = bisect.bisect_right(spans, time, key=lambda span: span.start) - 1
    return spans[before] if before >= 0 and time < spans[before].end else None


def blur_boxes(pictures: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float32], width: int) -> None:
    """Make the boxes unrecognisable in place: means of coarse blocks, then smooth.

    ``pictures``: planes of one frame, or one picture of shape (height, width, 3); ``boxes``: shape (m, 4) in pixels of
    a picture ``width`` pixels wide; smaller planes are scaled.
    """
    import cv2

    for picture in pictures:
        scale = picture.shape[1] / width
        height, across = picture.shape[:2]
        for box in boxes:
            x0, y0 = np.floor(box[:2] * scale).astype(int).clip(0)
            x1, y1 = np.minimum(np.ceil(box[2:] * scale).astype(int), (across, height))
            if x1 <= x0 or y1 <= y0:
                continue
            region = picture[y0:y1, x0:x1]
            # Some six blocks a face leave no feature; a Gaussian alone could be undone.
            coarse = cv2.resize(region, (min(6, x1 - x0), min(6, y1 - y0)), interpolation=cv2.INTER_AREA)
            picture[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)


def _draw_skeleton(planes: Planes, points: NDArray[np.float32], limbs: Sequence[tuple[int, int, Rgb]]) -> None:
    import cv2

    # Lines are drawn to 1/16 pixel; at whole pixels a still person seems to tremble.
    shift = 4
    thick = max(2, round(min(planes.y.shape) / 180))
    seen = points[:, 2] >= MIN_CONFIDENCE
    for plane, channel, scale in ((planes.y, 0, 1.0), (planes.u, 1, 0.5), (planes.v, 2, 0.5)):
        places = np.round((points[:, :2] * scale + (scale - 1) / 2) * (1 << shift)).astype(int).tolist()
        width = max(1, round(thick * scale))
        for a, b, rgb in limbs:
            if seen[a] and seen[b]:
                cv2.line(plane, places[a], places[b], (planes.colour(rgb)[channel],), width, cv2.LINE_AA, shift)
        white = (planes.colour((255, 255, 255))[channel],)
        radius = round(thick * scale * (1 << shift))
        for point in np.flatnonzero(seen):
            cv2.circle(plane, places[point], radius, white, -1, cv2.LINE_AA, shift)
