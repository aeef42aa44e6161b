"""How a person holds themselves: features of the mean pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.features.names import ANGLES, DISTANCES, SYMMETRIES, places
from sightline.features.poses import Poses

_ANGLES = np.array([places(angle) for angle in ANGLES]).T
_DISTANCES = np.array([places(pair) for pair in DISTANCES.values()]).T
_RIGHT, _LEFT = (places(f"{side}_{name[:-1]}" for name in SYMMETRIES) for side in ("right", "left"))
_NOSE, _NECK, _MID_HIP = places(("nose", "neck", "mid_hip"))
_SHOULDERS = places(("right_shoulder", "left_shoulder"))
_ANKLES = places(("right_ankle", "left_ankle"))


def angles(poses: Poses) -> NDArray[np.float64]:
    """Degrees at the nine joints; NaN where one of the three points is missing, or lies on the joint itself."""
    joint, parent, child = np.moveaxis(poses.mean[:, _ANGLES], 1, 0)
    (ax, ay), (bx, by) = parent - joint, child - joint
    cross, dot = ax * by - ay * bx, ax * bx + ay * by
    # The arc tangent is as exact near 0 and 180 degrees as elsewhere, which the arc cosine is not.
    return np.where((cross == 0) & (dot == 0), np.nan, np.degrees(np.arctan2(np.abs(cross), dot)))


def body(poses: Poses) -> NDArray[np.float64]:
    """Height from the nose down to the lower ankle, width across the shoulders, and height to width; shape (3,).

    Height is along the picture's vertical and width along its horizontal. Which ankle is the lower one is known only
    where both are.
    """
    x, y = poses.mean
    height, width = y[_ANKLES].max() - y[_NOSE], abs(x[_SHOULDERS[0]] - x[_SHOULDERS[1]])
    return np.array([height / poses.torso, width / poses.torso, height / width])


def distances(poses: Poses) -> NDArray[np.float64]:
    """Torso lengths between the points of each pair; shape (10,)."""
    a, b = np.moveaxis(poses.mean[:, _DISTANCES], 1, 0)
    return np.asarray(np.hypot(*(a - b)) / poses.torso)


def symmetry(poses: Poses) -> NDArray[np.float64]:
    """Torso lengths from the left point to the right one mirrored about the line through neck and middle of the hips.

    Shape (7,): the six pairs, and the mean over those that are there.
    """
    neck = poses.mean[:, _NECK, None]
    axis = poses.mean[:, _MID_HIP, None] - neck
    axis = axis / np.hypot(*axis)
    right = poses.mean[:, _RIGHT] - neck
    mirrored = neck + 2 * axis * (axis * right).sum(axis=0) - right
    apart = np.hypot(*(mirrored - poses.mean[:, _LEFT])) / poses.torso
    there = ~np.isnan(apart)
    return np.append(apart, apart[there].sum() / there.sum())


def box(poses: Poses) -> NDArray[np.float64]:
    """Width, height, area, and height to width of the box around all points that are there; shape (4,)."""
    width, height = np.fmax.reduce(poses.mean, axis=1) - np.fmin.reduce(poses.mean, axis=1)
    torso = poses.torso
    return np.array([width / torso, height / torso, width / torso * (height / torso), height / width])
