"""Posture features, computed from the mean pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import ANGLES, DISTANCES, SYMMETRIES, joint_indices
from sightline.features.poses import Poses

_ANGLES = np.array([joint_indices(angle) for angle in ANGLES]).T
_DISTANCES = np.array([joint_indices(pair) for pair in DISTANCES.values()]).T
_RIGHT, _LEFT = (joint_indices(f"{side}_{name[:-1]}" for name in SYMMETRIES) for side in ("right", "left"))
_NOSE, _NECK, _MID_HIP = joint_indices(("nose", "neck", "mid_hip"))
_SHOULDERS = joint_indices(("right_shoulder", "left_shoulder"))
_ANKLES = joint_indices(("right_ankle", "left_ankle"))


def angles(poses: Poses) -> NDArray[np.float64]:
    """Return degrees at the nine joints; NaN if one of the three points is missing, or coincides with the joint."""
    joint, parent, child = np.moveaxis(poses.mean[:, _ANGLES], 1, 0)
    (ax, ay), (bx, by) = parent - joint, child - joint
    cross, dot = ax * by - ay * bx, ax * bx + ay * by
    # Unlike the arc cosine, the arc tangent is as exact near 0 and 180 degrees as elsewhere.
    return np.where((cross == 0) & (dot == 0), np.nan, np.degrees(np.arctan2(np.abs(cross), dot)))


def body(poses: Poses) -> NDArray[np.float64]:
    """Return height from the nose to the lower ankle, width across the shoulders, and height to width; shape (3,).

    Height is vertical and width horizontal in the image. The height is NaN unless both ankles are known, because the
    lower one is unknown otherwise.
    """
    x, y = poses.mean
    height, width = y[_ANKLES].max() - y[_NOSE], abs(x[_SHOULDERS[0]] - x[_SHOULDERS[1]])
    return np.array([height / poses.torso, width / poses.torso, height / width])


def distances(poses: Poses) -> NDArray[np.float64]:
    """Return the distance of the points of every pair in torso lengths; shape (10,)."""
    a, b = np.moveaxis(poses.mean[:, _DISTANCES], 1, 0)
    return np.asarray(np.hypot(*(a - b)) / poses.torso)


def symmetry(poses: Poses) -> NDArray[np.float64]:
    """Return the distance of the left point to the right one, mirrored about the line through neck and mid-hip.

    In torso lengths, shape (7,): the six pairs, and the mean over those that are known.
    """
    neck = poses.mean[:, _NECK, None]
    axis = poses.mean[:, _MID_HIP, None] - neck
    axis = axis / np.hypot(*axis)
    right = poses.mean[:, _RIGHT] - neck
    mirrored = neck + 2 * axis * (axis * right).sum(axis=0) - right
    distance = np.hypot(*(mirrored - poses.mean[:, _LEFT])) / poses.torso
    known = ~np.isnan(distance)
    return np.append(distance, distance[known].sum() / known.sum())


def box(poses: Poses) -> NDArray[np.float64]:
    """Return width, height, area, and height to width of the box around all known points; shape (4,)."""
    width, height = np.fmax.reduce(poses.mean, axis=1) - np.fmin.reduce(poses.mean, axis=1)
    torso = poses.torso
    return np.array([width / torso, height / torso, width / torso * (height / torso), height / width])
