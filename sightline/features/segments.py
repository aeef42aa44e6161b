"""Unbroken segments of a session: motion is computed within them, never across their ends.

A segment ends

- where the person is missing for more than half a second: they were searched for between two poses, and not found. It
  is the time from which on a step across a gap weighs no more (see ``motion``), because the motion within is unknown;
  rhythm bridges less.
- where the trunk moves faster than :data:`MAX_SPEED`, which no human body does: the tracker jumped to another person,
  or the camera to another view.

The speed is that of the trunk, not of a wrist, which is faster: the median over its joints, so a joint that is wrong in
one frame, or left and right exchanged, does not count. It is measured in the length of the torso around that moment;
in the shorter one, if the lengths before and after differ, since one may be another person's. If the hips are not
visible, or the torso points at the camera, its length follows from the width of the shoulders. Without both there is no
length, and no speed is too high.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import joint_indices

__all__ = ["MAX_ABSENCE", "MAX_SPEED", "Trunks", "absences", "impossible_moves"]

MAX_ABSENCE = 0.5
"""Seconds. A longer absence of the person ends a segment."""

MAX_SPEED = 25.0
"""Torso lengths per second. A faster movement of the trunk ends a segment.

The fastest running that was measured is 12.42 m/s, Usain Bolt's from 60 to 80 m of the 100 m in 9.58 s (R. Graubner and
E. Nixdorf, Biomechanical Analysis of the Sprint and Hurdles Events at the 2009 IAAF World Championships in Athletics,
New Studies in Athletics 26, 2011). From shoulders to hips, the trunk has 0.288 of the stature (R. Drillis and
R. Contini, Body Segment Parameters, 1966; figure 4.1 in D. Winter, Biomechanics and Motor Control of Human Movement):
half a metre at a stature of 1.73 m, and 0.56 m in the runner, whose limit would be 22.
"""

_SHORTEST = 0.05
"""Seconds. Over a shorter time, a speed is mostly the detector's jitter; a movement counts as if it took as long."""

_MISSED = 1.5
"""Times the interval of the searches: in more, there was one between two poses."""

_SHOULDERS_TO_TORSO = 0.259 / 0.288
"""The width of the shoulders to the length of the torso, from the same table."""

_FORESHORTENED = 0.5
"""A torso that is shorter than this share of the length that follows from the shoulders points at the camera."""

_WINDOW = 5
"""Frames over which the median of the length is taken: two that are wrong do not change it."""

_ROUNDING = 1e-6

TRUNK = joint_indices(("neck", "right_shoulder", "left_shoulder", "mid_hip", "right_hip", "left_hip"))
_NECK, _RIGHT_SHOULDER, _LEFT_SHOULDER, _MID_HIP = range(4)


@dataclass(frozen=True, eq=False)
class Trunks:
    """The trunk in the m frames in which it is visible and has a length.

    - ``frames``: shape (m,), the indices of the frames.
    - ``times``: shape (m,), seconds.
    - ``xy``: shape (2, 6, m), pixels, NaN for a joint that is not seen.
    - ``length``: shape (m,), pixels, the length of the torso in each frame.
    """

    frames: NDArray[np.intp]
    times: NDArray[np.float64]
    xy: NDArray[np.float64]
    length: NDArray[np.float64]

    @classmethod
    def of(cls, joints: NDArray[np.float64], times: NDArray[np.float64]) -> Trunks:
        """Return the trunks from the joints :data:`TRUNK` of n poses, shape (2, 6, n), NaN for those not seen."""
        torso = np.hypot(*(joints[:, _NECK] - joints[:, _MID_HIP]))
        shoulders = np.hypot(*(joints[:, _RIGHT_SHOULDER] - joints[:, _LEFT_SHOULDER]))
        expected = shoulders / _SHOULDERS_TO_TORSO
        length = np.where(np.isnan(torso) | (torso < _FORESHORTENED * expected), expected, torso)
        frames = np.flatnonzero(length > 0)
        return cls(frames, times[frames], joints[:, :, frames], length[frames])

    def moved(self, before: NDArray[np.intp], after: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the movement in pixels between trunks, shape (2, k); NaN if they show no joint in common."""
        moves = np.sort(self.xy[:, :, after] - self.xy[:, :, before], axis=1)  # NaN is sorted to the end
        known = np.count_nonzero(~np.isnan(moves[0]), axis=0)
        low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(TRUNK) - 1)
        each = np.arange(len(known))
        return np.asarray((moves[:, low, each] + moves[:, high, each]) / 2)

    @cached_property
    def length_until(self) -> NDArray[np.float64]:
        """The median length over the last frames until each frame."""
        return self._medians[: len(self.length)]

    @cached_property
    def length_from(self) -> NDArray[np.float64]:
        """The median length over the next frames from each frame on."""
        return self._medians[_WINDOW - 1 :]

    @cached_property
    def _medians(self) -> NDArray[np.float64]:
        first, last = np.full((2, _WINDOW - 1), self.length[[0, -1], None])
        padded = np.concatenate([first, self.length, last])
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
        return np.asarray(np.partition(windows, _WINDOW // 2, axis=1)[:, _WINDOW // 2])


def impossible_moves(trunks: Trunks) -> NDArray[np.intp]:
    """Return the rows of ``trunks`` to which no body can have moved from the row before, rising."""
    rows = np.arange(len(trunks.frames))
    before, after = rows[:-1], rows[1:]
    if not len(before):
        return before
    length = np.minimum(trunks.length_until[before], trunks.length_from[after])
    reach = MAX_SPEED * length * np.maximum(np.diff(trunks.times), _SHORTEST)
    too_fast = np.hypot(*trunks.moved(before, after)) > reach * (1 + _ROUNDING)
    return np.flatnonzero(too_fast) + 1


def absences(times: NDArray[np.float64], searched: NDArray[np.float64] | float) -> NDArray[np.intp]:
    """Return the indices of the poses before which the person was missing too long, rising.

    ``times``: shape (n,), the times of the poses. ``searched``: shape (t,), all times at which the person was searched
    for, rising; if they are unknown, the number of seconds from one to the next.
    """
    elapsed = np.diff(times)
    if isinstance(searched, float):
        missed = elapsed > _MISSED * searched
    else:
        missed = np.searchsorted(searched, times[1:], "left") > np.searchsorted(searched, times[:-1], "right")
    return np.flatnonzero(missed & (elapsed > MAX_ABSENCE + _ROUNDING)) + 1
