"""The BODY_25 skeleton: its joints, their MediaPipe landmarks, and the limbs to draw.

The table is ``body_25.json``. The order of the joints is OpenPose's; right and left are the person's own. Limbs have
colours of the Okabe-Ito palette, which colour-blind people can distinguish: orange on the right, blue on the left.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Keypoints = NDArray[np.float32]
"""One person: shape (25, 3), rows of x and y in pixels of the frame and confidence 0 to 1.

A joint that was not detected, or that the model does not have, is (0, 0, 0).
"""

SEEN = 0.5
"""The lowest confidence of a visible joint; below it, the landmark model has guessed the position."""


@dataclass(frozen=True)
class Limb:
    """A line between two joints, as indices of the skeleton's joints; ``colour`` is RGB, 0 to 255."""

    a: int
    b: int
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Skeleton:
    """Joints and limbs. ``sources`` has the MediaPipe landmarks whose mean is the joint, none for unknown joints."""

    name: str
    joints: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    limbs: tuple[Limb, ...]


def _load(resource: str) -> Skeleton:
    table = json.loads(files("sightline.pose").joinpath(resource).read_text(encoding="utf-8"))
    joints = tuple(row["name"] for row in table["joints"])
    return Skeleton(
        name=table["name"],
        joints=joints,
        sources=tuple(tuple(row["mediapipe"]) for row in table["joints"]),
        limbs=tuple(
            Limb(joints.index(a), joints.index(b), _rgb(colour))
            for (a, b), colour in ((row["joints"], row["colour"]) for row in table["limbs"])
        ),
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


BODY_25 = _load("body_25.json")
JOINTS = BODY_25.joints
LIMBS = BODY_25.limbs

_DETECTED = [joint for joint, sources in enumerate(BODY_25.sources) if sources]
_FIRST, _SECOND = ([BODY_25.sources[joint][end] for joint in _DETECTED] for end in (0, -1))
"""The landmarks of each detected joint: the two that it is between, or twice the same one."""


def from_mediapipe(landmarks: NDArray[np.float64]) -> Keypoints:
    """Return BODY_25 keypoints, shape (25, 3), from MediaPipe's landmarks, shape (33, 3): x, y, visibility.

    A joint between two landmarks is their mean, with the lower of their two confidences.
    """
    keypoints = np.zeros((len(JOINTS), 3), np.float32)
    first, second = landmarks[_FIRST], landmarks[_SECOND]
    keypoints[_DETECTED, :2] = (first[:, :2] + second[:, :2]) / 2
    keypoints[_DETECTED, 2] = np.minimum(first[:, 2], second[:, 2])
    return keypoints
