"""A session's poses as input of the features: the visible points, their mean, and the torso length as unit.

A point whose mean confidence is below 0.1 is missing in all frames; other points count in the frames in which their
confidence is above 0.1. Missing values are NaN, and so is everything that depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.features.names import joint_indices
from sightline.pose import JOINTS

MIN_POSES = 3
MIN_CONFIDENCE = 0.1

_NECK, _MID_HIP = joint_indices(("neck", "mid_hip"))


@dataclass(frozen=True, eq=False)
class Poses:
    """n poses in chronological order.

    - ``xy``: shape (2, 25, n), pixels, NaN if not seen. Time is the last axis, so it is contiguous in memory.
    - ``seen``: shape (25, n).
    - ``times``: shape (n,), seconds from the first pose.
    - ``mean``: shape (2, 25), the mean of every point over the frames in which it is seen, NaN if there are none.
    - ``torso``: pixels from the neck to the midpoint of the hips, the median over the frames that show both: a bend or
      a bad frame does not change it, and neck and hips of different frames are not compared. NaN if no frame shows
      both, or if it is zero; no other length replaces it.
    """

    xy: NDArray[np.float64]
    seen: NDArray[np.bool_]
    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    torso: float

    @classmethod
    def of(cls, keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike) -> Poses:
        """Check arrays of shapes (n, 25, 2), (n,) and (n, 25); raise ValueError if they are invalid."""
        points, seconds, confidence = (np.asarray(array, np.float64) for array in (keypoints, times, confidences))
        _check(points, seconds, confidence)
        present = confidence.mean(axis=0) >= MIN_CONFIDENCE
        seen = np.ascontiguousarray(((confidence > MIN_CONFIDENCE) & present).T)
        located = points.transpose(2, 1, 0)
        known = np.where(seen, located, 0)
        _check_finite(known)
        xy = np.where(seen, located, np.nan)
        mean = known.sum(axis=2) / seen.sum(axis=1)
        return cls(xy, seen, seconds - seconds[0], mean, _torso(xy, seen))


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


def _check_finite(known: NDArray[np.float64]) -> None:
    finite = np.isfinite(known)
    if not finite.all():
        _, joint, row = (int(indices[0]) for indices in np.nonzero(~finite))
        raise ValueError(
            f"keypoints must be finite if the confidence is above {MIN_CONFIDENCE}; "
            f"{JOINTS[joint]} of row {row} is {known[:, joint, row].tolist()}"
        )


def _torso(xy: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    both = seen[_NECK] & seen[_MID_HIP]
    if not both.any():
        return np.nan
    lengths = np.hypot(*(xy[:, _NECK] - xy[:, _MID_HIP])[:, both])
    middle = len(lengths) // 2
    return float(np.partition(lengths, middle)[middle]) or np.nan
