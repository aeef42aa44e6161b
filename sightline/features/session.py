"""The features of a session, from arrays or from a track."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sightline.features import posture
from sightline.features.motion import SeriesMotion
from sightline.features.names import FEATURE_NAMES
from sightline.features.poses import Poses
from sightline.features.rhythm import rhythms
from sightline.pose import Track


def session_features(keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike) -> dict[str, float]:
    """Return the 88 features of one person's poses, by name, in the order of :data:`FEATURE_NAMES`.

    ``keypoints``: shape (n, 25, 2), x and y in pixels of BODY_25's joints; ``times``: shape (n,), seconds, rising;
    ``confidences``: shape (n, 25), 0 to 1. At least three poses.

    Lengths are in torso lengths and motion is per second, so the features do not depend on the distance to the camera,
    the resolution or the frame rate. Missing features are NaN, never 0; no feature is infinite. See ``names`` for
    units, ``poses`` for missing points, and ``motion`` and ``rhythm`` for the use of time.

    Raises ValueError if the arrays are invalid.
    """
    # Divisions by zero become NaN below.
    with np.errstate(all="ignore"):
        poses = Poses.of(keypoints, times, confidences)
        motion = SeriesMotion(poses)
        values = np.concatenate(
            [
                posture.angles(poses),
                posture.body(poses),
                posture.distances(poses),
                posture.symmetry(poses),
                motion.speeds(),
                motion.accelerations(),
                motion.displacements(),
                motion.shares(),
                rhythms(poses),
                posture.box(poses),
                motion.box(),
                [motion.overall()],
            ]
        )
    values[~np.isfinite(values)] = np.nan
    return dict(zip(FEATURE_NAMES, values.tolist(), strict=True))


def track_features(track: Track) -> dict[str, float]:
    """Return the features of a track; raise ValueError if it has fewer than three poses."""
    return session_features(track.keypoints[:, :, :2], track.times, track.keypoints[:, :, 2])
