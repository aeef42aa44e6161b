"""What the features are called, in their order, and the joints they are taken from.

Right and left are the person's own; with the two exchanged a name is that of the feature's mirror image.

- ``angle_…``: degrees, 0 to 180, at a joint of the mean pose.
- ``body_height``, ``shoulder_width``, ``distance_…``, ``symmetry_…``, ``box_…``: torso lengths in the mean pose;
  ``box_area`` in torso lengths squared. ``symmetry_…`` is 0 where both sides are alike.
- ``speed_…``, ``displacement_…``, ``box_…_mean`` and ``box_…_max``: torso lengths a second.
- ``acceleration_…``: torso lengths a second squared.
- ``…_to_width`` and ``displacement_share_…``: ratios. ``rhythm_…``: a correlation, 0 where there is no rhythm.
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
"""The joint, and the two it is bent between."""

DISTANCES = {
    "wrists": ("right_wrist", "left_wrist"),
    "nose_mid_hip": ("nose", "mid_hip"),
    "mid_hip_right_ankle": ("mid_hip", "right_ankle"),
    "mid_hip_left_ankle": ("mid_hip", "left_ankle"),
    "shoulders": ("right_shoulder", "left_shoulder"),
    "elbows": ("right_elbow", "left_elbow"),
    # The original has the wrists here again. The distance of a wrist and its hip would lack a mirror image.
    "nose_neck": ("nose", "neck"),
    "hips": ("right_hip", "left_hip"),
    "knees": ("right_knee", "left_knee"),
    "ankles": ("right_ankle", "left_ankle"),
}

SYMMETRIES = tuple(f"{name}s" for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
"""What is compared right with left."""

SPEEDS = JOINTS[:8]
"""The joints with a speed of their own: nose, neck and arms."""

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
    *(f"speed_{what}_{joint}" for joint in (*SPEEDS, "overall") for what in ("mean", "max")),
    *(f"acceleration_{what}_{joint}" for joint in (*ACCELERATIONS, "overall") for what in ("mean", "max")),
    *(f"displacement_{what}_{part}" for part in PARTS for what in ("mean", "max", "std")),
    *(f"displacement_share_{part}" for part in PARTS),
    *(f"rhythm_{joint}_{axis}" for joint in RHYTHMS for axis in "xy"),
    *("box_width", "box_height", "box_area", "box_height_to_width"),
    *("box_movement_mean", "box_movement_max", "box_width_change_mean", "box_height_change_mean"),
    "displacement_mean_overall",
)
"""The 88 features in the original system's order. ``overall`` is over the joints of its group, at the end over all."""


def places(joints: Iterable[str]) -> NDArray[np.intp]:
    """Where the joints stand in BODY_25."""
    return np.array([JOINTS.index(joint) for joint in joints], np.intp)
