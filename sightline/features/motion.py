"""How a person moves: speeds, accelerations and the box around them, in true time.

Motion is taken over steps. A step goes from each frame to the one that comes nearest to a tenth of a second later:
the next one where frames come up to 15 times a second, a longer stride where they come faster. So steps last about as
long at any usual rate, 10 to 60 frames a second, and so does what they make of a movement and of the detector's
trembling. A point's step counts where the point is seen at both ends.

A mean is over time, not over frames: a step weighs as long as it lasts, so one that is short, whose speed is mostly
trembling, weighs little. One that bridges a gap weighs half a second at most, for nothing is known of what it bridges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import ACCELERATIONS, PARTS, SPEEDS, places
from sightline.features.poses import Poses
from sightline.pose import JOINTS

_STEP = 0.1  # seconds
_SHORTEST = 0.05  # seconds: over less, a speed is mostly trembling
_ROUNDING = 1e-6
_HEAVIEST = 0.5  # seconds

_SPEEDS = places(SPEEDS)
_ACCELERATIONS = places(ACCELERATIONS)
_ALL = np.arange(len(JOINTS))
# The parts' joints one part after the other, the part of each, and where each part begins.
_OF_PARTS = np.concatenate([places(joints) for joints in PARTS.values()])
_PART = np.repeat(np.arange(len(PARTS)), [len(joints) for joints in PARTS.values()])
_BEGIN = np.searchsorted(_PART, np.arange(len(PARTS)))


@dataclass(frozen=True, eq=False)
class _Steps:
    """Rows of some quantity along s steps: ``values`` and ``counted`` have shape (k, s), ``duration`` seconds (s,)."""

    values: NDArray[np.float64]
    counted: NDArray[np.bool_]
    duration: NDArray[np.float64]

    @cached_property
    def known(self) -> NDArray[np.float64]:
        """The values, 0 where they do not count."""
        return np.where(self.counted, self.values, 0)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        return np.where(self.counted, np.minimum(self.duration, _HEAVIEST), 0)

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
        """Mean and maximum of each row in turn, then of all of them together."""
        total, weight, largest = self.total[rows], self.weight[rows], self.largest[rows]
        each = np.stack([total / weight, largest], axis=1).ravel()
        return np.concatenate([each, [total.sum() / weight.sum(), np.fmax.reduce(largest)]])


class Motion:
    """The motion in a session's poses."""

    def __init__(self, poses: Poses) -> None:
        times = poses.times
        self._end = _ends(times)
        self._n = len(self._end)
        self._poses = poses
        self._duration = times[self._end] - times[: self._n]
        self._counted = poses.seen[:, self._end] & poses.seen[:, : self._n]
        self._velocity = (poses.xy[:, :, self._end] - poses.xy[:, :, : self._n]) / self._duration
        self._speed = _Steps(np.hypot(*self._velocity), self._counted, self._duration)

    def speeds(self) -> NDArray[np.float64]:
        """Mean and maximum of each of the eight joints, then overall; torso lengths a second, shape (18,)."""
        return self._speed.means_and_maxima(_SPEEDS) / self._poses.torso

    def accelerations(self) -> NDArray[np.float64]:
        """Mean and maximum of each of the three joints, then overall; torso lengths a second squared, shape (8,).

        The change of velocity from one step to the one that begins where it ends, over the time between their middles.
        """
        n = int(np.searchsorted(self._end, self._n))
        following = self._end[:n]
        span = (self._duration[:n] + self._duration[following]) / 2
        velocity, counted = self._velocity[:, _ACCELERATIONS], self._counted[_ACCELERATIONS]
        change = np.hypot(*(velocity[:, :, following] - velocity[:, :, :n])) / span
        steps = _Steps(change, counted[:, :n] & counted[:, following], span)
        return steps.means_and_maxima(_ALL[: len(_ACCELERATIONS)]) / self._poses.torso

    def displacements(self) -> NDArray[np.float64]:
        """Mean, maximum and standard deviation of each part's points; torso lengths a second, shape (12,)."""
        of = self._speed
        means = self._part_means
        largest = np.fmax.reduceat(of.largest[_OF_PARTS], _BEGIN)
        off = (of.known[_OF_PARTS] - means[_PART, None]) ** 2
        total = np.add.reduceat((of.weights[_OF_PARTS] * off).sum(axis=1), _BEGIN)
        std = np.sqrt(total / np.add.reduceat(of.weight[_OF_PARTS], _BEGIN))
        return np.asarray(np.stack([means, largest, std], axis=1).ravel() / self._poses.torso)

    def shares(self) -> NDArray[np.float64]:
        """Each part's mean over the sum of the means; shape (4,). None is known unless all parts are there."""
        return np.asarray(self._part_means / self._part_means.sum())

    @cached_property
    def _part_means(self) -> NDArray[np.float64]:
        total, weight = (np.add.reduceat(of[_OF_PARTS], _BEGIN) for of in (self._speed.total, self._speed.weight))
        return np.asarray(total / weight)

    def overall(self) -> float:
        """The mean over all points, torso lengths a second."""
        return float(self._speed.total.sum() / self._speed.weight.sum()) / self._poses.torso

    def box(self) -> NDArray[np.float64]:
        """Mean and maximum movement of the box's centre, mean change of its width and of its height; shape (4,).

        Torso lengths a second. At both ends of a step the box is around the points that are seen at both, so that a
        point that comes or goes does not move it.
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
    """The frame at which the step from each frame ends; steps from the last frames have no end, and are left out."""
    earliest = np.arange(1, len(times) + 1)
    after = np.maximum(np.searchsorted(times, times + (_STEP - _ROUNDING)), earliest)
    before = np.maximum(after - 1, earliest)
    ends = np.append(times, np.inf)
    short, long = ends[before] - times, ends[after] - times
    nearer = (short >= _SHORTEST - _ROUNDING) & (_STEP - short <= long - _STEP + _ROUNDING)
    end = np.where(nearer, before, after)
    # Steps end in the order in which they start.
    return end[end < len(times)]
