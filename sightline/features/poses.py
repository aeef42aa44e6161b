"""A session's poses as input of the features: the visible points, their mean, the torso length, and the segments.

A point whose mean confidence is below 0.1 is missing in all frames; other points count in the frames in which their
confidence is above 0.1. Missing values are NaN, and so is everything that depends on them.

If a track jumps between bodies, only the poses of one are used (see ``bodies``). If its position jumps otherwise, as at
a camera's cut, the positions after the jump are shifted by it, so the mean pose is that of one view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.features.bodies import poses_of_one_body
from sightline.features.names import joint_indices
from sightline.features.segments import MAX_ABSENCE, TRUNK, Trunks, absences, impossible_moves
from sightline.pose import JOINTS

MIN_POSES = 3
MIN_CONFIDENCE = 0.1

_NECK, _MID_HIP = joint_indices(("neck", "mid_hip"))


@dataclass(frozen=True)
class Continuity:
    """How much of a session shows one body without a break.

    - ``poses``: the number of poses that the features use.
    - ``other_poses``: the number of poses of other bodies, to which the track jumps and from which it returns.
    - ``seconds``: the time between the used poses in unbroken segments; an interval counts at most half a second, as in
      the means of motion.
    - ``breaks_by_time``: the number of absences after which a new segment begins.
    - ``breaks_by_speed``: the number of impossible moves in the track, to other bodies and back, or to another view.
    """

    poses: int
    other_poses: int
    seconds: float
    breaks_by_time: int
    breaks_by_speed: int

    @property
    def is_one_body(self) -> bool:
        """Whether the used poses are at least twice as many as those of other bodies; otherwise it may be anybody."""
        return 2 * self.other_poses <= self.poses

    @property
    def valid_seconds(self) -> float:
        """The seconds that are certainly of one body."""
        return self.seconds if self.is_one_body else 0.0


@dataclass(frozen=True, eq=False)
class Poses:
    """n poses of one body in chronological order.

    - ``xy``: shape (2, 25, n), pixels, NaN if not seen. Time is the last axis, so it is contiguous in memory.
    - ``seen``: shape (25, n).
    - ``times``: shape (n,), seconds from the first pose.
    - ``segment``: shape (n,), the number of each pose's segment, from 0, rising.
    - ``mean``: shape (2, 25), the mean of every point over the frames in which it is seen, NaN if there are none.
    - ``torso``: pixels from the neck to the midpoint of the hips, the median over the frames that show both: a bend or
      a bad frame does not change it, and neck and hips of different frames are not compared. NaN if no frame shows
      both, or if it is zero; no other length replaces it.
    - ``continuity``: the breaks between the segments, and what was left out.
    """

    xy: NDArray[np.float64]
    seen: NDArray[np.bool_]
    times: NDArray[np.float64]
    segment: NDArray[np.intp]
    mean: NDArray[np.float64]
    torso: float
    continuity: Continuity

    @classmethod
    def of(
        cls, keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike, searched: ArrayLike | float | None = None
    ) -> Poses:
        """Check arrays of shapes (n, 25, 2), (n,), (n, 25) and (t,); raise ValueError if they are invalid.

        ``searched``: all times at which the person was searched for, rising; if they are unknown, the number of seconds
        from one to the next. None: only at the times of the poses.
        """
        points, seconds, confidence = np.asarray(keypoints), np.asarray(times, float), np.asarray(confidences, float)
        if points.dtype != np.float32:  # Those of two hours take 30 MB more as float64.
            points = points.astype(np.float64)
        _check(points, seconds, confidence)
        return cls._of(points, seconds, confidence, _searched(searched, seconds))

    @classmethod
    def _of(
        cls,
        points: NDArray[np.floating[Any]],
        times: NDArray[np.float64],
        confidence: NDArray[np.float64],
        searched: NDArray[np.float64] | float,
    ) -> Poses:
        xy, seen = _seen(points, confidence)
        cut = _Cut.of(xy[:, TRUNK], times, searched)
        if cut.has_others:
            one = cls._of(points[cut.kept], times[cut.kept], confidence[cut.kept], searched)
            return replace(one, continuity=cut.with_others(one.continuity))
        _remove(cut.jumps, cut.trunks, xy)
        mean = xy.sum(axis=2, where=seen) / seen.sum(axis=1)
        return cls(xy, seen, times - times[0], cut.segment, mean, _torso(xy, seen), cut.continuity)


def continuity_in(
    keypoints: NDArray[np.float32], times: NDArray[np.float64], searched: NDArray[np.float64] | float
) -> Continuity:
    """Return the continuity of n valid poses, shape (n, 25, 3), as that of :class:`Poses`, in a tenth of its memory."""
    trunk = keypoints[:, TRUNK].astype(np.float64)
    confidence = trunk[:, :, 2]
    seen = (confidence > MIN_CONFIDENCE) & (confidence.mean(axis=0) >= MIN_CONFIDENCE)
    joints = np.where(seen[:, :, None], trunk[:, :, :2], np.nan).transpose(2, 1, 0)
    cut = _Cut.of(joints, times, searched)
    if cut.has_others:
        return cut.with_others(continuity_in(keypoints[cut.kept], times[cut.kept], searched))
    return cut.continuity


@dataclass(frozen=True, eq=False)
class _Cut:
    """Where n poses break. ``kept``: shape (n,), the poses of the body that most of them show."""

    trunks: Trunks
    jumps: NDArray[np.intp]
    kept: NDArray[np.bool_]
    segment: NDArray[np.intp]
    continuity: Continuity

    @classmethod
    def of(cls, joints: NDArray[np.float64], times: NDArray[np.float64], searched: NDArray[np.float64] | float) -> _Cut:
        n = len(times)
        trunks = Trunks.of(joints, times)
        jumps = impossible_moves(trunks)
        kept = poses_of_one_body(trunks, jumps, n)
        segment, gaps = _segments(trunks.frames[jumps], absences(times, searched), n)
        known = np.minimum(np.diff(times), MAX_ABSENCE)[np.diff(segment) == 0]
        continuity = Continuity(
            poses=n,
            other_poses=0,
            seconds=round(float(known.sum()), 6),
            breaks_by_time=gaps,
            breaks_by_speed=len(jumps),
        )
        return cls(trunks, jumps, kept, segment, continuity)

    @property
    def has_others(self) -> bool:
        return MIN_POSES <= np.count_nonzero(self.kept) < len(self.kept)

    def with_others(self, one: Continuity) -> Continuity:
        """Return the continuity of the kept poses, with the others counted."""
        return replace(one, other_poses=len(self.kept) - one.poses, breaks_by_speed=len(self.jumps))


def _seen(
    points: NDArray[np.floating[Any]], confidence: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the points of shape (2, 25, n), NaN if not seen, and which are seen, shape (25, n)."""
    present = confidence.mean(axis=0) >= MIN_CONFIDENCE
    seen = np.ascontiguousarray(((confidence > MIN_CONFIDENCE) & present).T)
    xy = np.full((2, *seen.shape), np.nan)
    np.copyto(xy, points.transpose(2, 1, 0), where=seen)
    _check_finite(xy, seen)
    return xy, seen


def _remove(jumps: NDArray[np.intp], trunks: Trunks, xy: NDArray[np.float64]) -> None:
    """Shift the poses from every jump on, so that the trunk does not move in it."""
    if len(jumps):
        frame, moved = trunks.frames[jumps], trunks.moved(jumps - 1, jumps)
        shift = np.zeros((2, xy.shape[2]))
        shift[:, frame] = moved
        xy -= np.cumsum(shift, axis=1)[:, None]


def _segments(jumps: NDArray[np.intp], gaps: NDArray[np.intp], n: int) -> tuple[NDArray[np.intp], int]:
    """Return the number of each pose's segment, and the number of segments that begin after an absence only."""
    begins = np.zeros(n, np.intp)
    begins[gaps] = 1
    begins[jumps] = 1
    return np.cumsum(begins), int(begins.sum()) - len(jumps)


def _searched(searched: ArrayLike | float | None, times: NDArray[np.float64]) -> NDArray[np.float64] | float:
    if searched is None:
        return times
    if isinstance(searched, float):
        return searched
    found = np.asarray(searched, np.float64)
    if found.ndim != 1 or not (np.isfinite(found).all() and (found[1:] > found[:-1]).all()):
        raise ValueError(f"the times of searches are (t,), finite, and rise; these have shape {found.shape}")
    return found


def _check(points: NDArray[np.float64], times: NDArray[np.float64], confidences: NDArray[np.float64]) -> None:
    n, joints = len(np.atleast_1d(times)), len(JOINTS)
    shapes = (points.shape, times.shape, confidences.shape)
    if shapes != ((n, joints, 2), (n,), (n, joints)):
        raise ValueError(f"keypoints, times and confidences are (n, 25, 2), (n,) and (n, 25); these are {shapes}")
    if n < MIN_POSES:
        raise ValueError(f"features need at least {MIN_POSES} poses; these are {n}")
    if not (np.isfinite(times).all() and np.isfinite(confidences).all()):
        raise ValueError("times and confidences must be finite")
    if (not_rising := times[1:] <= times[:-1]).any():
        row = int(not_rising.argmax())
        raise ValueError(f"times must rise; row {row + 1} has {times[row + 1]} after {times[row]}")


def _check_finite(xy: NDArray[np.float64], seen: NDArray[np.bool_]) -> None:
    finite = np.isfinite(xy) | ~seen
    if not finite.all():
        _, joint, row = (int(indices[0]) for indices in np.nonzero(~finite))
        raise ValueError(
            f"keypoints must be finite if the confidence is above {MIN_CONFIDENCE}; "
            f"{JOINTS[joint]} of row {row} is {xy[:, joint, row].tolist()}"
        )


def _torso(xy: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    both = seen[_NECK] & seen[_MID_HIP]
    if not both.any():
        return np.nan
    lengths = np.hypot(*(xy[:, _NECK] - xy[:, _MID_HIP])[:, both])
    middle = len(lengths) // 2
    return float(np.partition(lengths, middle)[middle]) or np.nan
