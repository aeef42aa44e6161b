"""Motion features: speeds, accelerations and changes of the bounding box, computed from the frames' timestamps.

Motion is computed over steps. A step goes from a frame to the one that is closest to a tenth of a second later: the
next frame at up to 15 frames per second, a later one at higher rates. Steps therefore last about equally long at all
usual rates, 10 to 60 frames per second, and the features depend equally on movement and on the detector's jitter. A
point's step counts if the point is seen at both ends.

Means are over time, not over frames: the weight of a step is its duration, so a short step, whose speed is mostly
jitter, has a small weight. A step across a gap weighs at most half a second, because the motion within it is unknown.

No step goes from one segment to another (see ``segments``): at the end of a segment, as at the end of the session, the
last frames have none.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import ACCELERATIONS, PARTS, SPEEDS, joint_indices
from sightline.features.poses import Poses
from sightline.features.segments import MAX_ABSENCE
from sightline.pose import JOINTS

_STEP = 0.1  # seconds
_SHORTEST = 0.05  # seconds: over a shorter time, a speed is mostly jitter
_ROUNDING = 1e-6
_BLOCK = 8192  # steps

_SPEEDS = joint_indices(SPEEDS)
_ACCELERATIONS = joint_indices(ACCELERATIONS)
_ALL = np.arange(len(JOINTS))
# The joints of all parts in one array, the part of every joint, and the index at which every part begins.
_OF_PARTS = np.concatenate([joint_indices(joints) for joints in PARTS.values()])
_PART = np.repeat(np.arange(len(PARTS)), [len(joints) for joints in PARTS.values()])
_BEGIN = np.searchsorted(_PART, np.arange(len(PARTS)))


class _Steps:
    """k quantities along s steps, of which only what the features need is computed; a step may not count for some.

    ``values`` and ``counted`` have shape (k, s), ``duration`` in seconds (s,). ``values`` is overwritten.
    """

    def __init__(self, values: NDArray[np.float64], counted: NDArray[np.bool_], duration: NDArray[np.float64]) -> None:
        values[~counted] = 0
        self._known, self._counted = values, counted
        self._duration = np.minimum(duration, MAX_ABSENCE)
        self.weight = counted @ self._duration
        self.total = values @ self._duration
        self.largest = np.where(self.weight > 0, values.max(axis=1, initial=0), np.nan)

    def squared_deviations(self, row: int, mean: float) -> float:
        """Return the weighted sum of a row's squared deviations from ``mean``."""
        return float(((self._known[row] - mean) ** 2 * self._counted[row]) @ self._duration)

    def means_and_maxima(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the mean and maximum of every row in turn, then of all rows together."""
        total, weight, largest = self.total[rows], self.weight[rows], self.largest[rows]
        by_row = np.stack([total / weight, largest], axis=1).ravel()
        return np.concatenate([by_row, [total.sum() / weight.sum(), np.fmax.reduce(largest)]])


class SeriesMotion:
    """The motion in a session's poses.

    In the two hours of a long video, an array of all points has 30 MB, so none is kept that can be computed again.
    """

    def __init__(self, poses: Poses) -> None:
        times = poses.times
        # In between segments, the frames are farther apart than any step, so that steps end within their segment.
        self._end = _ends(times + poses.segment * (times[-1] + 1))
        self._n = len(self._end)
        self._poses = poses
        self._duration = times[self._end] - times[: self._n]
        is_unbroken = poses.segment[self._end] == poses.segment[: self._n]
        self._counted = poses.seen[:, self._end] & poses.seen[:, : self._n] & is_unbroken
        speed = np.hypot(*(self._velocity(axis, slice(None)) for axis in range(2)))
        self._speed = _Steps(speed, self._counted, self._duration)

    def _velocity(self, axis: int, joints: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the velocity of joints along one axis in pixels per second, shape (k, s)."""
        at = self._poses.xy[axis, joints]
        return np.asarray((at[:, self._end] - at[:, : self._n]) / self._duration)

    def speeds(self) -> NDArray[np.float64]:
        """Return mean and maximum of the eight joints, then overall; torso lengths per second, shape (18,)."""
        return self._speed.means_and_maxima(_SPEEDS) / self._poses.torso

    def accelerations(self) -> NDArray[np.float64]:
        """Return mean and maximum of the three joints, then overall; torso lengths per second squared, shape (8,).

        An acceleration is the change of velocity from one step to the step that begins at its end, divided by the time
        between their midpoints.
        """
        n = int(np.searchsorted(self._end, self._n))
        following = self._end[:n]
        span = (self._duration[:n] + self._duration[following]) / 2
        velocity = np.stack([self._velocity(axis, _ACCELERATIONS) for axis in range(2)])
        counted = self._counted[_ACCELERATIONS]
        change = np.hypot(*(velocity[:, :, following] - velocity[:, :, :n])) / span
        steps = _Steps(change, counted[:, :n] & counted[:, following], span)
        return steps.means_and_maxima(_ALL[: len(_ACCELERATIONS)]) / self._poses.torso

    def displacements(self) -> NDArray[np.float64]:
        """Return mean, maximum and standard deviation by body part; torso lengths per second, shape (12,)."""
        speed = self._speed
        means = self._part_means
        largest = np.fmax.reduceat(speed.largest[_OF_PARTS], _BEGIN)
        each = zip(_OF_PARTS, _PART, strict=True)
        deviations = [speed.squared_deviations(joint, means[part]) for joint, part in each]
        total = np.add.reduceat(deviations, _BEGIN)
        std = np.sqrt(total / np.add.reduceat(speed.weight[_OF_PARTS], _BEGIN))
        return np.asarray(np.stack([means, largest, std], axis=1).ravel() / self._poses.torso)

    def shares(self) -> NDArray[np.float64]:
        """Return the mean of every part over the sum of the means, shape (4,); all NaN if a part is missing."""
        return np.asarray(self._part_means / self._part_means.sum())

    @cached_property
    def _part_means(self) -> NDArray[np.float64]:
        total, weight = (np.add.reduceat(row[_OF_PARTS], _BEGIN) for row in (self._speed.total, self._speed.weight))
        return np.asarray(total / weight)

    def overall(self) -> float:
        """Return the mean over all points, in torso lengths per second."""
        return float(self._speed.total.sum() / self._speed.weight.sum()) / self._poses.torso

    def box(self) -> NDArray[np.float64]:
        """Return mean and maximum movement of the box's centre, and mean change of its width and height; shape (4,).

        In torso lengths per second. At both ends of a step, the box surrounds the points that are seen at both ends, so
        a point that appears or disappears does not move it.
        """
        values = np.empty((3, self._n))
        for first in range(0, self._n, _BLOCK):
            block = slice(first, min(first + _BLOCK, self._n))
            values[:, block] = self._box_moves(block)
        values /= self._duration
        steps = _Steps(values, np.broadcast_to(self._counted.any(axis=0), values.shape), self._duration)
        means = steps.total / steps.weight
        return np.array([means[0], steps.largest[0], means[1], means[2]]) / self._poses.torso

    def _box_moves(self, steps: slice) -> NDArray[np.float64]:
        """Return the movement of the box's centre, and the change of its width and height, in pixels; shape (3, s)."""
        xy = self._poses.xy
        ends = np.where(self._counted[:, steps], np.stack([xy[:, :, steps], xy[:, :, self._end[steps]]]), np.nan)
        low, high = np.fmin.reduce(ends, axis=2), np.fmax.reduce(ends, axis=2)
        (centre, centre_then), (size, size_then) = (low + high) / 2, high - low
        return np.stack([np.hypot(*(centre_then - centre)), *np.abs(size_then - size)])


def _ends(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the frame at which the step from every frame ends; the last frames have no step."""
    earliest = np.arange(1, len(times) + 1)
    after = np.maximum(np.searchsorted(times, times + (_STEP - _ROUNDING)), earliest)
    before = np.maximum(after - 1, earliest)
    ends = np.append(times, np.inf)
    short, long = ends[before] - times, ends[after] - times
    nearer = (short >= _SHORTEST - _ROUNDING) & (_STEP - short <= long - _STEP + _ROUNDING)
    end = np.where(nearer, before, after)
    # Steps end in the order in which they begin.
    return end[end < len(times)]
