"""The features of a session, from arrays or from a track."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sightline.features import posture
from sightline.features.motion import Motion
from sightline.features.names import FEATURE_NAMES
from sightline.features.poses import Poses
from sightline.features.rhythm import rhythms
from sightline.pose import Track


def session_features(keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike) -> dict[str, float]:
    """The 88 features of one person's poses, by name and in the order of :data:`FEATURE_NAMES`.

    ``keypoints``: shape (n, 25, 2), x and y in pixels of BODY_25's joints; ``times``: shape (n,), seconds, rising;
    ``confidences``: shape (n, 25), 0 to 1. At least three poses.

    Lengths are in torso lengths and motion is a second, so neither the distance to the camera nor the resolution nor
    the frame rate is a feature. What is missing is NaN, never 0; no feature is infinite. See ``names`` for units,
    ``poses`` for what is missing, ``motion`` and ``rhythm`` for how time is taken.

    Raises ValueError where the arrays are something else.
    """
    # A ratio to nothing is met by the last line.
    with np.errstate(all="ignore"):
        poses = Poses.of(keypoints, times, confidences)
        motion = Motion(poses)
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
    """The same of a track; raises ValueError where it has fewer than three poses."""
    return session_features(track.keypoints[:, :, :2], track.times, track.keypoints[:, :, 2])
