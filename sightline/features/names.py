"""The names of the features, in their order, and the joints that they are computed from.

Right and left are the person's own. A name with right and left exchanged is the name of the mirrored feature.

- ``angle_…``: degrees, 0 to 180, at a joint of the mean pose.
- ``body_height``, ``shoulder_width``, ``distance_…``, ``symmetry_…``, ``box_…``: torso lengths in the mean pose;
  ``box_area`` in torso lengths squared. ``symmetry_…`` is 0 if both sides are equal.
- ``speed_…``, ``displacement_…``, ``box_…_mean`` and ``box_…_max``: torso lengths per second.
- ``acceleration_…``: torso lengths per second squared.
- ``…_to_width`` and ``displacement_share_…``: ratios. ``rhythm_…``: a correlation, 0 if there is no rhythm.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sightline.pose import JOINTS

ANGLES = (
    ("right_shoulder", "neck", "right_elbow"),
    ("right_elbow", "right_shoulder", "right_wrist"),
    ("left_shoulder", "neck", "left_elbow"),
    ("left_elbow", "left_shoulder", "left_wrist"),
    ("neck", "nose", "mid_hip"),
    ("right_hip", "mid_hip", "right_knee"),
    ("right_knee", "right_hip", "right_ankle"),
    ("left_hip", "mid_hip", "left_knee"),
    ("left_knee", "left_hip", "left_ankle"),
)
"""The joint of the angle, and the two joints at the ends of its sides."""

DISTANCES = {
    "wrists": ("right_wrist", "left_wrist"),
    "nose_mid_hip": ("nose", "mid_hip"),
    "mid_hip_right_ankle": ("mid_hip", "right_ankle"),
    "mid_hip_left_ankle": ("mid_hip", "left_ankle"),
    "shoulders": ("right_shoulder", "left_shoulder"),
    "elbows": ("right_elbow", "left_elbow"),
    # The original system repeats the wrists here. The distance of one wrist to its hip would have no mirror image.
    "nose_neck": ("nose", "neck"),
    "hips": ("right_hip", "left_hip"),
    "knees": ("right_knee", "left_knee"),
    "ankles": ("right_ankle", "left_ankle"),
}

SYMMETRIES = tuple(f"{name}s" for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
"""The joints that are compared, right with left."""

SPEEDS = JOINTS[:8]
"""The joints with their own speed features: nose, neck and arms."""

ACCELERATIONS = ("nose", "right_wrist", "left_wrist")

PARTS = {
    "head": ("nose", "right_eye", "left_eye", "right_ear", "left_ear"),
    "arms": ("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    "torso": ("neck", "mid_hip", "right_hip", "left_hip"),
    "legs": ("right_knee", "right_ankle", "left_knee", "left_ankle"),
}

RHYTHMS = ("right_wrist", "left_wrist", "right_ankle", "left_ankle")

FEATURE_NAMES: tuple[str, ...] = (
    *(f"angle_{joint}" for joint, _, _ in ANGLES),
    *("body_height", "shoulder_width", "body_height_to_width"),
    *(f"distance_{name}" for name in DISTANCES),
    *(f"symmetry_{name}" for name in (*SYMMETRIES, "mean")),
    *(f"speed_{statistic}_{joint}" for joint in (*SPEEDS, "overall") for statistic in ("mean", "max")),
    *(f"acceleration_{statistic}_{joint}" for joint in (*ACCELERATIONS, "overall") for statistic in ("mean", "max")),
    *(f"displacement_{statistic}_{part}" for part in PARTS for statistic in ("mean", "max", "std")),
    *(f"displacement_share_{part}" for part in PARTS),
    *(f"rhythm_{joint}_{axis}" for joint in RHYTHMS for axis in "xy"),
    *("box_width", "box_height", "box_area", "box_height_to_width"),
    *("box_movement_mean", "box_movement_max", "box_width_change_mean", "box_height_change_mean"),
    "displacement_mean_overall",
)
"""The 88 features in the original system's order. ``overall`` is over the group's joints, the last one over all."""


def joint_indices(joints: Iterable[str]) -> NDArray[np.intp]:
    """Return the indices of the joints in BODY_25."""
    return np.array([JOINTS.index(joint) for joint in joints], np.intp)
