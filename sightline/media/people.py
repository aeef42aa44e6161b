"""The people of a video over time: their joints and silhouettes, written by the tracker while a reader draws them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.media.history import History, PersonSample, Points, SampleFile
from sightline.media.planes import Rgb
from sightline.media.series import AwaitedTimes, TimeSeries
from sightline.media.silhouette import GRID, Mask, Silhouette

_GAP = 2.5
"""In periods. No interpolation between samples that are further apart."""


_THICKEST = 30_000
"""Pixels. OpenCV refuses lines of more than 32,767."""


class Outline(NamedTuple):
    """A body as computed from its joints, in pixels.

    ``capsules``: shape (n, 5), thick lines with round ends: x and y of both ends, and radius. ``polygon``: shape
    (m, 2), a convex one, which may be empty.
    """

    capsules: NDArray[np.float32]
    polygon: NDArray[np.float32]

    def draw(self, canvas: Mask, scale: float, thickness: float = 1.0) -> None:
        """Set the canvas, a mask of the frame at ``scale`` canvas pixels per pixel, with ``thickness`` times the radii.

        Pixels that the body touches are set: the canvas may be coarse.
        """
        import cv2

        shift = 4
        places = np.clip((self.capsules[:, :4] + 0.5) * scale - 0.5, -1e4, 1e4)
        fixed = np.round(places * (1 << shift)).astype(int).tolist()
        widths = np.ceil(2 * self.capsules[:, 4] * scale * thickness + 1).astype(int).tolist()
        for (x0, y0, x1, y1), width in zip(fixed, widths, strict=True):
            cv2.line(canvas, (x0, y0), (x1, y1), (255,), min(width, _THICKEST), cv2.LINE_8, shift)
        if len(self.polygon):
            corners = np.clip((self.polygon + 0.5) * scale - 0.5, -1e4, 1e4).round().astype(np.int32)
            cv2.fillConvexPoly(canvas, cv2.convexHull(corners), (255,))

    def silhouette(self) -> Silhouette | None:
        """Return the silhouette of the body, which may extend beyond the frame; None if there is no body."""
        ends = self.capsules[:, :4].reshape(-1, 2)
        radii = np.repeat(self.capsules[:, 4], 2)[:, None]
        points = np.concatenate([ends - radii, ends + radii, self.polygon]).astype(np.float64)
        if not len(points):
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        cell = max(1.0, float((high - low).max()) / (GRID - 2))
        left, top = low - cell
        columns, rows = np.ceil((high - low) / cell).astype(int) + 2
        corner = np.array([left, top], np.float32)
        cells = np.zeros((rows, columns), np.uint8)
        moved = Outline(self.capsules - np.array([*corner, *corner, 0], np.float32), self.polygon - corner)
        moved.draw(cells, 1 / cell)
        return Silhouette(float(left), float(top), cell, cells > 0)


class PoseSeries(TimeSeries[Points]):
    """The points of one person over time. ``period``: seconds between two samples.

    Samples further apart than 2.5 periods mean that the person was not detected in between.
    """

    def __init__(self, period: float) -> None:
        super().__init__(ahead=_GAP * period)
        self._period = period

    def at(self, time: float) -> Points | None:
        """Return the points at ``time``, shape (k, 3), interpolated linearly between samples; None if not detected."""
        near = self.between(time, time)
        before = next((sample for sample in reversed(near) if sample[0] <= time), None)
        after = next((sample for sample in near if sample[0] > time), None)
        return _interpolated(before, after, time, self._period)


class Neighbours(NamedTuple):
    """The last sample of a person at or before a time and the first one after it, each with its time."""

    before: tuple[float, PersonSample] | None
    after: tuple[float, PersonSample] | None


class PeopleSeries(AwaitedTimes):
    """Everyone in a video over time. A sample is ``{number: PersonSample}``; numbers start at 1.

    ``limbs``: pairs of points with the colour that the line between them has in the first person. ``period``: seconds
    between two samples. ``outline`` computes a body from its points; it is needed to hide people. Samples are in a
    temporary file: two hours of four people who are always close, ten times a second, need 5 MB of memory and 135 MB
    there.
    """

    def __init__(
        self,
        limbs: Sequence[tuple[int, int, Rgb]],
        period: float,
        outline: Callable[[Points], Outline] | None = None,
    ) -> None:
        super().__init__()
        self.limbs = limbs
        self.period = period
        self.outline = outline
        self._file = SampleFile()
        self._people: dict[int, History] = {}

    def add(self, time: float, people: Mapping[int, PersonSample]) -> None:
        """Add the people at ``time``, an empty mapping if there are none."""
        with self._changed:
            for number, sample in people.items():
                self._people.setdefault(number, History(self._file)).append(time, sample)
            self._set_known(time)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Give people other numbers; several old numbers may be one person, and those without a new one are removed."""
        with self._changed:
            merged: dict[int, History] = {}
            for number, history in sorted(self._people.items(), key=lambda item: item[1].times[0]):
                if number in numbers:
                    merged.setdefault(numbers[number], History(self._file)).extend(history)
            self._people = merged

    def at(self, time: float) -> dict[int, Points]:
        """Return the points of everyone at ``time`` by number, interpolated as those of one person.

        Once two people have been seen, or one twice, their numbers are known only at the end of the series.
        """
        with self._changed:
            self._wait(time + _GAP * self.period)
            if len(self._people) > 1:
                self._wait(math.inf)
            around = {number: history.keypoints_at(time) for number, history in sorted(self._people.items())}
        found = {number: _interpolated(*near, time, self.period) for number, near in around.items()}
        return {number: points for number, points in found.items() if points is not None}

    def is_gap(self, seconds: float) -> bool:
        """Return whether two samples of a person, that many seconds apart, have a time without them in between."""
        return seconds > _GAP * self.period

    def numbers_around(self, time: float, reach: float) -> list[int]:
        """Return the numbers of those with a sample within ``reach`` seconds of ``time``, or before and after it.

        The series must have ended.
        """
        self._wait(math.inf)
        return [
            number
            for number, history in sorted(self._people.items())
            if history.times[0] <= time + reach and history.times[-1] >= time - reach
        ]

    def around(self, number: int, time: float) -> Neighbours:
        """Return the person's samples next to ``time``, however far away, once the series has ended."""
        self._wait(math.inf)
        history = self._people[number]
        index = bisect.bisect_right(history.times, time)
        return Neighbours(
            (history.times[index - 1], history.sample(index - 1)) if index else None,
            (history.times[index], history.sample(index)) if index < len(history.times) else None,
        )

    def samples(self, number: int, start: float, end: float) -> list[tuple[float, PersonSample]]:
        """Return the person's samples from ``start`` to ``end``, both included, once the series has ended."""
        self._wait(math.inf)
        history = self._people[number]
        first, last = bisect.bisect_left(history.times, start), bisect.bisect_right(history.times, end)
        return [(history.times[index], history.sample(index)) for index in range(first, last)]


def _interpolated(
    before: tuple[float, Points] | None, after: tuple[float, Points] | None, time: float, period: float
) -> Points | None:
    if before is None:
        return None
    if after is None or after[0] - before[0] > _GAP * period:
        return before[1] if time - before[0] < period else None
    return blend(before[1], after[1], (time - before[0]) / (after[0] - before[0]))


def blend(before: Points, after: Points, share: float) -> Points:
    """Return the points at a share, 0 to 1, of the way; the confidence is the lower of the two."""
    points: Points = before + np.float32(share) * (after - before)
    # A point that is missing in one of the two samples is not drawn.
    points[:, 2] = np.minimum(before[:, 2], after[:, 2])
    return points
