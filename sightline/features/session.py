"""The features of a session, from arrays or from a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.features import posture
from sightline.features.motion import SeriesMotion
from sightline.features.names import FEATURE_NAMES
from sightline.features.poses import MIN_POSES, Continuity, Poses, continuity_in
from sightline.features.rhythm import rhythms
from sightline.pose import Track


@dataclass(frozen=True)
class TrackFeatures:
    """The 88 ``features`` of a track by name, NaN if unknown, and how ``continuity`` limits them."""

    features: dict[str, float]
    continuity: Continuity


def session_features(
    keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike, *, searched: ArrayLike | None = None
) -> dict[str, float]:
    """Return the 88 features of one person's poses, by name, in the order of :data:`FEATURE_NAMES`.

    ``keypoints``: shape (n, 25, 2), x and y in pixels of BODY_25's joints; ``times``: shape (n,), seconds, rising;
    ``confidences``: shape (n, 25), 0 to 1. At least three poses. ``searched``: shape (t,), the times at which the
    person was searched for, with or without success; by default those of the poses.

    Lengths are in torso lengths and motion is per second, so the features do not depend on the distance to the camera,
    the resolution or the frame rate. Missing features are NaN, never 0; no feature is infinite. See ``names`` for
    units, ``poses`` for missing points, ``segments`` for breaks, and ``motion`` and ``rhythm`` for the use of time.

    Raises ValueError if the arrays are invalid.
    """
    return _features(keypoints, times, confidences, searched).features


def track_features(track: Track) -> TrackFeatures:
    """Return the features of a track; raise ValueError if it has fewer than three poses."""
    return _features(track.keypoints[:, :, :2], track.times, track.keypoints[:, :, 2], _searched(track))


def continuity_of(track: Track) -> Continuity:
    """Return how much of a track shows one body without a break; no second of one with fewer than three poses."""
    if len(track.times) < MIN_POSES:
        return Continuity(poses=len(track.times), other_poses=0, seconds=0.0, breaks_by_time=0, breaks_by_speed=0)
    with np.errstate(all="ignore"):
        return continuity_in(track.keypoints, track.times, _searched(track))


def valid_seconds(track: Track) -> float:
    """Return the seconds of a track that show one body without a break, as in a session's record."""
    return continuity_of(track).valid_seconds


def _features(
    keypoints: ArrayLike, times: ArrayLike, confidences: ArrayLike, searched: ArrayLike | float | None
) -> TrackFeatures:
    # Divisions by zero become NaN below.
    with np.errstate(all="ignore"):
        poses = Poses.of(keypoints, times, confidences, searched)
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
    return TrackFeatures(dict(zip(FEATURE_NAMES, values.tolist(), strict=True)), poses.continuity)


def _searched(track: Track) -> NDArray[np.float64] | float:
    """Return the times of the tracked frames, or the seconds from one to the next if they are unknown."""
    if track.frame_times is None or track.tracked_frames is None:
        return 1 / track.fps
    searched: NDArray[np.float64] = np.unique(track.frame_times[track.tracked_frames])
    return searched
