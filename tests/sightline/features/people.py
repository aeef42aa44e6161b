"""Synthetic people that stand and move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.pose import JOINTS

Array = NDArray[np.float64]

STANDING = {
    "nose": (300, 100),
    "neck": (300, 150),
    "right_shoulder": (250, 150),
    "right_elbow": (250, 200),
    "right_wrist": (200, 200),
    "left_shoulder": (350, 150),
    "left_elbow": (350, 200),
    "left_wrist": (350, 250),
    "mid_hip": (300, 250),
    "right_hip": (270, 250),
    "right_knee": (270, 350),
    "right_ankle": (270, 450),
    "left_hip": (330, 250),
    "left_knee": (330, 350),
    "left_ankle": (330, 430),
    "right_eye": (285, 90),
    "left_eye": (315, 90),
    "right_ear": (275, 95),
    "left_ear": (325, 95),
    "left_big_toe": (340, 440),
    "left_small_toe": (345, 438),
    "left_heel": (325, 440),
    "right_big_toe": (260, 460),
    "right_small_toe": (255, 458),
    "right_heel": (275, 460),
}
"""Pixels. The torso is 100 long; the right forearm is extended, the left foot slightly raised."""

POINTS = np.array([STANDING[joint] for joint in JOINTS], np.float64)


def standing(frames: int) -> Array:
    """Return a still person, shape (frames, 25, 2)."""
    return np.repeat(POINTS[None], frames, axis=0)


def all_visible(frames: int) -> Array:
    """Return confidences with all points visible, shape (frames, 25)."""
    return np.full((frames, len(JOINTS)), 0.9)


def swaying(times: Array, seed: int = 0, seconds: float = 8.0) -> Array:
    """Return points on ellipses, an integer number of turns in ``seconds``; shape (frames, 25, 2)."""
    random = np.random.default_rng(seed)
    turns = random.integers(3, 7, len(JOINTS)) / seconds
    reach, start = random.uniform(5, 20, (len(JOINTS), 2)), random.uniform(0, 2 * np.pi, (len(JOINTS), 2))
    return POINTS + reach * np.sin(2 * np.pi * turns[:, None] * np.asarray(times)[:, None, None] + start)


def index(joint: str) -> int:
    return JOINTS.index(joint)
