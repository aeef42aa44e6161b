"""A session's poses as the features take them: what is known in them, their mean, and the length they are measured by.

A point whose mean confidence is under 0.1 is missing throughout; of the others, the frames count where the confidence
is over 0.1. What is missing is NaN, and so is all that depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.features.names import places
from sightline.pose import JOINTS

MIN_POSES = 3
MIN_CONFIDENCE = 0.1

_NECK, _MID_HIP = places(("neck", "mid_hip"))


@dataclass(frozen=True, eq=False)
class Poses:
    """n poses in the order of time.

    - ``xy``: shape (2, 25, n), pixels, NaN where not seen. Time comes last, so that it is what numpy runs along.
    - ``seen``: shape (25, n).
    - ``times``: shape (n,), seconds from the first pose.
    - ``mean``: shape (2, 25), each point's mean over the frames in which it is seen, NaN where that is none.
    - ``torso``: pixels from the neck to the middle of the hips, the median over the frames that show both: a bend or
      a bad frame does not change it, and neck and hips of different moments are not compared. NaN where no frame does,
      or where it is none; no other length stands in for it.
    """

    xy: NDArray[np.float64]
    seen: NDArray[np.bool_]
    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    torso: float

    @classmethod
    def of(cls, keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike) -> Poses:
        """Check what came, shapes (n, 25, 2), (n,) and (n, 25); raises ValueError where it is something else."""
        points, when, sure = (np.asarray(given, np.float64) for given in (keypoints, times, confidences))
        _check(points, when, sure)
        present = sure.mean(axis=0) >= MIN_CONFIDENCE
        seen = np.ascontiguousarray(((sure > MIN_CONFIDENCE) & present).T)
        located = points.transpose(2, 1, 0)
        known = np.where(seen, located, 0)
        _check_finite(known)
        xy = np.where(seen, located, np.nan)
        mean = known.sum(axis=2) / seen.sum(axis=1)
        return cls(xy, seen, when - when[0], mean, _torso(xy, seen))


def _check(points: NDArray[np.float64], times: NDArray[np.float64], confidences: NDArray[np.float64]) -> None:
    n, joints = len(np.atleast_1d(times)), len(JOINTS)
    shapes = (points.shape, times.shape, confidences.shape)
    if shapes != ((n, joints, 2), (n,), (n, joints)):
        raise ValueError(f"keypoints, times and confidences are (n, 25, 2), (n,) and (n, 25); these are {shapes}")
    if n < MIN_POSES:
        raise ValueError(f"features need at least {MIN_POSES} poses; these are {n}")
    if not (np.isfinite(times).all() and np.isfinite(confidences).all()):
        raise ValueError("times and confidences must be finite")
    if (fallen := times[1:] <= times[:-1]).any():
        row = int(fallen.argmax())
        raise ValueError(f"times must rise; row {row + 1} has {times[row + 1]} after {times[row]}")


def _check_finite(known: NDArray[np.float64]) -> None:
    finite = np.isfinite(known)
    if not finite.all():
        _, joint, row = (int(place[0]) for place in np.nonzero(~finite))
        raise ValueError(
            f"keypoints must be finite where the confidence is over {MIN_CONFIDENCE}; "
            f"{JOINTS[joint]} of row {row} is {known[:, joint, row].tolist()}"
        )


def _torso(xy: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    both = seen[_NECK] & seen[_MID_HIP]
    if not both.any():
        return np.nan
    lengths = np.hypot(*(xy[:, _NECK] - xy[:, _MID_HIP])[:, both])
    middle = len(lengths) // 2
    return float(np.partition(lengths, middle)[middle]) or np.nan
