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

from dataclasses import dataclass
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

_SPEEDS = joint_indices(SPEEDS)
_ACCELERATIONS = joint_indices(ACCELERATIONS)
_ALL = np.arange(len(JOINTS))
# The joints of all parts in one array, the part of every joint, and the index at which every part begins.
_OF_PARTS = np.concatenate([joint_indices(joints) for joints in PARTS.values()])
_PART = np.repeat(np.arange(len(PARTS)), [len(joints) for joints in PARTS.values()])
_BEGIN = np.searchsorted(_PART, np.arange(len(PARTS)))


@dataclass(frozen=True, eq=False)
class _Steps:
    """k quantities along s steps: ``values`` and ``counted`` have shape (k, s), ``duration`` in seconds (s,)."""

    values: NDArray[np.float64]
    counted: NDArray[np.bool_]
    duration: NDArray[np.float64]

    @cached_property
    def known(self) -> NDArray[np.float64]:
        """The values, with 0 for those that do not count."""
        return np.where(self.counted, self.values, 0)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        return np.where(self.counted, np.minimum(self.duration, MAX_ABSENCE), 0)

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        return np.asarray(self.weights.sum(axis=1))

    @cached_property
    def total(self) -> NDArray[np.float64]:
        return np.asarray((self.weights * self.known).sum(axis=1))

    @cached_property
    def largest(self) -> NDArray[np.float64]:
        return np.where(self.weight > 0, self.known.max(axis=1, initial=0), np.nan)

    def means_and_maxima(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the mean and maximum of every row in turn, then of all rows together."""
        total, weight, largest = self.total[rows], self.weight[rows], self.largest[rows]
        by_row = np.stack([total / weight, largest], axis=1).ravel()
        return np.concatenate([by_row, [total.sum() / weight.sum(), np.fmax.reduce(largest)]])


class SeriesMotion:
    """The motion in a session's poses."""

    def __init__(self, poses: Poses) -> None:
        times = poses.times
        # In between segments, the frames are farther apart than any step, so that steps end within their segment.
        self._end = _ends(times + poses.segment * (times[-1] + 1))
        self._n = len(self._end)
        self._poses = poses
        self._duration = times[self._end] - times[: self._n]
        is_unbroken = poses.segment[self._end] == poses.segment[: self._n]
        self._counted = poses.seen[:, self._end] & poses.seen[:, : self._n] & is_unbroken
        self._velocity = (poses.xy[:, :, self._end] - poses.xy[:, :, : self._n]) / self._duration
        self._speed = _Steps(np.hypot(*self._velocity), self._counted, self._duration)

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
        velocity, counted = self._velocity[:, _ACCELERATIONS], self._counted[_ACCELERATIONS]
        change = np.hypot(*(velocity[:, :, following] - velocity[:, :, :n])) / span
        steps = _Steps(change, counted[:, :n] & counted[:, following], span)
        return steps.means_and_maxima(_ALL[: len(_ACCELERATIONS)]) / self._poses.torso

    def displacements(self) -> NDArray[np.float64]:
        """Return mean, maximum and standard deviation by body part; torso lengths per second, shape (12,)."""
        speed = self._speed
        means = self._part_means
        largest = np.fmax.reduceat(speed.largest[_OF_PARTS], _BEGIN)
        deviation = (speed.known[_OF_PARTS] - means[_PART, None]) ** 2
        total = np.add.reduceat((speed.weights[_OF_PARTS] * deviation).sum(axis=1), _BEGIN)
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
        xy = self._poses.xy
        ends = np.where(self._counted, np.stack([xy[:, :, : self._n], xy[:, :, self._end]]), np.nan)
        low, high = np.fmin.reduce(ends, axis=2), np.fmax.reduce(ends, axis=2)
        (centre, centre_then), (size, size_then) = (low + high) / 2, high - low
        values = np.stack([np.hypot(*(centre_then - centre)), *np.abs(size_then - size)]) / self._duration
        steps = _Steps(values, np.broadcast_to(self._counted.any(axis=0), values.shape), self._duration)
        means = steps.total / steps.weight
        return np.array([means[0], steps.largest[0], means[1], means[2]]) / self._poses.torso


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
