"""The overlay of an annotated video: a banner, a skeleton and blurred faces."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.media.banner import Banner, BannerContent
from sightline.media.planes import Planes, Rgb
from sightline.media.series import TimeSeries

MIN_CONFIDENCE = 0.5
"""Points with a lower confidence are not drawn."""

_GAP = 2.5
"""In periods. No interpolation between samples that are further apart."""


@dataclass(frozen=True)
class TimedLabel:
    """A text that is shown from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    text: str
    colour: Rgb = (200, 200, 200)


class SkeletonSeries(TimeSeries[NDArray[np.float32]]):
    """The points of a person over time.

    A sample has shape (k, 3): x and y in pixels, and confidence. ``limbs``: pairs of points with the colour of the
    line between them. ``period``: seconds between two samples; samples further apart mean that the person was not
    detected in between.
    """

    def __init__(self, limbs: Sequence[tuple[int, int, Rgb]], period: float) -> None:
        super().__init__(ahead=_GAP * period)
        self.limbs = limbs
        self._period = period

    def at(self, time: float) -> NDArray[np.float32] | None:
        """Return the points at ``time``, shape (k, 3), interpolated linearly between samples; None if not detected."""
        near = self.between(time, time)
        before = next(((sample, points) for sample, points in reversed(near) if sample <= time), None)
        if before is None:
            return None
        after = next(((sample, points) for sample, points in near if sample > time), None)
        if after is None or after[0] - before[0] > _GAP * self._period:
            return before[1] if time - before[0] < self._period else None
        share = np.float32((time - before[0]) / (after[0] - before[0]))
        points: NDArray[np.float32] = before[1] + share * (after[1] - before[1])
        # A point that is missing in one of the two samples is not drawn.
        points[:, 2] = np.minimum(before[1][:, 2], after[1][:, 2])
        return points


class FaceSeries(TimeSeries[NDArray[np.float32]]):
    """The boxes of detected faces over time.

    A sample has shape (m, 4): x0, y0, x1, y1 in pixels. ``reach``: a box is blurred for this many seconds before and
    after its sample, so that a face that is missed once stays covered.
    """

    def __init__(self, reach: float) -> None:
        super().__init__(ahead=0.0)
        self._reach = reach

    def at(self, time: float) -> NDArray[np.float32]:
        """Return the boxes to blur at ``time``, shape (m, 4)."""
        samples = self.between(time - self._reach, time + self._reach)
        near = [boxes for sample_time, boxes in samples if abs(sample_time - time) <= self._reach]
        return np.concatenate(near) if near else np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class Overlay:
    """The content of an overlay. ``emotions`` and ``captions`` are in order of time."""

    duration: float
    emotions: Sequence[TimedLabel] = ()
    captions: Sequence[TimedLabel] = ()
    people: Sequence[str] = ()
    skeleton: SkeletonSeries | None = None
    faces: FaceSeries | None = None

    def draw(self, planes: Planes, time: float, banner: Banner) -> None:
        """Draw the overlay at ``time`` (seconds) on the frame, in place."""
        if self.faces is not None:
            blur_boxes([planes.y, planes.u, planes.v], self.faces.at(time), planes.y.shape[1])
        if self.skeleton is not None and (points := self.skeleton.at(time)) is not None:
            _draw_skeleton(planes, points, self.skeleton.limbs)
        emotion, caption = _label_at(self.emotions, time), _label_at(self.captions, time)
        content = BannerContent(
            emotion=emotion.text if emotion else "",
            colour=emotion.colour if emotion else TimedLabel.colour,
            people=tuple(self.people),
            caption=caption.text if caption else "",
            share=(time - caption.start) / max(caption.end - caption.start, 1e-9) if caption else 0.0,
        )
        banner.draw(planes, content, time / self.duration if self.duration else 1.0)


def palette(names: Sequence[str]) -> dict[str, Rgb]:
    """Return a colour-blind safe colour for every name (Okabe and Ito 2008); colours repeat after seven names."""
    return {name: _OKABE_ITO[index % len(_OKABE_ITO)] for index, name in enumerate(names)}


_OKABE_ITO: tuple[Rgb, ...] = (
    (240, 228, 66), (86, 180, 233), (204, 121, 167), (200, 200, 200), (213, 94, 0), (0, 158, 115), (230, 159, 0),
)  # fmt: skip


def _label_at(labels: Sequence[TimedLabel], time: float) -> TimedLabel | None:
    before = bisect.bisect_right(labels, time, key=lambda label: label.start) - 1
    return labels[before] if before >= 0 and time < labels[before].end else None


def blur_boxes(images: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float32], width: int) -> None:
    """Make the boxes unrecognisable, in place: average coarse blocks, then interpolate.

    ``images``: the planes of one frame, or one image of shape (height, width, 3). ``boxes``: shape (m, 4), in pixels of
    an image ``width`` pixels wide; they are scaled for smaller planes.
    """
    import cv2

    for image in images:
        scale = image.shape[1] / width
        height, image_width = image.shape[:2]
        for box in boxes:
            x0, y0 = np.floor(box[:2] * scale).astype(int).clip(0)
            x1, y1 = np.minimum(np.ceil(box[2:] * scale).astype(int), (image_width, height))
            if x1 <= x0 or y1 <= y0:
                continue
            region = image[y0:y1, x0:x1]
            # Six blocks across a face leave no feature. A Gaussian blur alone could be inverted.
            coarse = cv2.resize(region, (min(6, x1 - x0), min(6, y1 - y0)), interpolation=cv2.INTER_AREA)
            image[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)


def _draw_skeleton(planes: Planes, points: NDArray[np.float32], limbs: Sequence[tuple[int, int, Rgb]]) -> None:
    import cv2

    # Lines are drawn with 1/16 pixel precision; at integer pixels a motionless person would jitter.
    shift = 4
    thick = max(2, round(min(planes.y.shape) / 180))
    visible = points[:, 2] >= MIN_CONFIDENCE
    for plane, channel, scale in ((planes.y, 0, 1.0), (planes.u, 1, 0.5), (planes.v, 2, 0.5)):
        positions = np.round((points[:, :2] * scale + (scale - 1) / 2) * (1 << shift)).astype(int).tolist()
        width = max(1, round(thick * scale))
        for a, b, rgb in limbs:
            if visible[a] and visible[b]:
                cv2.line(plane, positions[a], positions[b], (planes.colour(rgb)[channel],), width, cv2.LINE_AA, shift)
        white = (planes.colour((255, 255, 255))[channel],)
        radius = round(thick * scale * (1 << shift))
        for point in np.flatnonzero(visible):
            cv2.circle(plane, positions[point], radius, white, -1, cv2.LINE_AA, shift)
