"""The shape of a body, computed from its joints."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sightline.media import Outline
from sightline.pose.skeleton import JOINTS, Keypoints

# Radii in torso lengths (neck to mid-hip, 0.5 m), for a clothed adult, by the limb's joints.
_LIMBS = [
    ("neck", "right_shoulder", 0.16), ("right_shoulder", "right_elbow", 0.15), ("right_elbow", "right_wrist", 0.13),
    ("neck", "left_shoulder", 0.16), ("left_shoulder", "left_elbow", 0.15), ("left_elbow", "left_wrist", 0.13),
    ("right_hip", "right_knee", 0.2), ("right_knee", "right_ankle", 0.15),
    ("left_hip", "left_knee", 0.2), ("left_knee", "left_ankle", 0.15),
    ("right_ankle", "right_big_toe", 0.12), ("right_ankle", "right_heel", 0.12),
    ("left_ankle", "left_big_toe", 0.12), ("left_ankle", "left_heel", 0.12),
]  # fmt: skip
_HAND_LENGTH, _HAND_RADIUS = 0.38, 0.16
_TORSO_RADIUS = 0.15
_NECK_RADIUS = 0.15
_SAMPLED = 60
"""Rows of a frame whose mean colour is taken."""

_HAIR = 1.15
"""Radius of the head with hair, in half sides of the head's box."""

_INDEX = {name: index for index, name in enumerate(JOINTS)}
_STARTS = [_INDEX[a] for a, _, _ in _LIMBS]
_ENDS = [_INDEX[b] for _, b, _ in _LIMBS]
_RADII = np.array([radius for _, _, radius in _LIMBS], np.float32)
_TRUNK = [_INDEX[name] for name in ("right_shoulder", "left_shoulder", "left_hip", "right_hip")]
_ARMS = [(_INDEX[f"{side}_elbow"], _INDEX[f"{side}_wrist"]) for side in ("right", "left")]
_MID_HIP = _INDEX["mid_hip"]
_NOSE, _NECK, *_FACE_SIDES = (
    JOINTS.index(name) for name in ("nose", "neck", "right_eye", "left_eye", "right_ear", "left_ear")
)
_SHOULDERS = [JOINTS.index("right_shoulder"), JOINTS.index("left_shoulder")]


def body_outline(keypoints: Keypoints) -> Outline:
    """Return the body of a person from their keypoints, shape (25, 3), in pixels.

    All known joints count, whatever their confidence: the model is unsure of limbs that are dark or behind something.
    """
    head = head_box(keypoints)
    torso = _torso_length(keypoints, head)
    points, confidence = keypoints[:, :2], keypoints[:, 2]
    capsules: list[tuple[float, ...]] = []

    def add(a: NDArray[np.float32], b: NDArray[np.float32], radius: float) -> None:
        capsules.append((*a.tolist(), *b.tolist(), radius))

    known = np.minimum(confidence[_STARTS], confidence[_ENDS]) > 0
    for start, end, radius in np.array([_STARTS, _ENDS, range(len(_LIMBS))]).T[known]:
        add(points[start], points[end], float(_RADII[radius]) * torso)
    for elbow, wrist in _ARMS:
        forearm = points[wrist] - points[elbow]
        length = float(np.linalg.norm(forearm))
        if confidence[wrist] > 0 and length > 0:
            reach = np.float32(_HAND_LENGTH * torso / length)
            add(points[wrist], points[wrist] + reach * forearm, _HAND_RADIUS * torso)
    trunk = [joint for joint in _TRUNK if confidence[joint] > 0]
    polygon = points[trunk].copy() if len(trunk) > 2 else np.zeros((0, 2), np.float32)
    for corner, following in zip(trunk, [*trunk[1:], *trunk[:1]], strict=True):
        add(points[corner], points[following], _TORSO_RADIUS * torso)
    if head is not None:
        centre = (head[:2] + head[2:]) / 2
        add(centre, centre, _HAIR * float(head[3] - head[1]) / 2)
        if confidence[_NECK] > 0:
            add(centre, points[_NECK], _NECK_RADIUS * torso)
    return Outline(np.array(capsules, np.float32).reshape(-1, 5), polygon)


def without_bodies(rgb: NDArray[np.uint8], people: Iterable[Keypoints]) -> NDArray[np.uint8]:
    """Return the frame, shape (height, width, 3), with the bodies of these people in its mean colour; or itself.

    The detector finds the most conspicuous person of a window, and often nobody else.
    """
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for keypoints in people:
        body_outline(keypoints).draw(mask, 1.0)
    if not mask.any():
        return rgb
    step = max(1, min(mask.shape) // _SAMPLED)
    painted = rgb.copy()
    painted[mask > 0] = rgb[::step, ::step].mean(axis=(0, 1))
    return painted


def head_box(keypoints: Keypoints) -> NDArray[np.float32] | None:
    """Return the box around a person's head from their keypoints: left, top, right, bottom in pixels, shape (4,).

    It may extend beyond the frame. None if neither nose, eyes nor ears are known.
    """
    face = [joint for joint in (_NOSE, *_FACE_SIDES) if keypoints[joint, 2] > 0]
    if not face:
        return None
    points = keypoints[face, :2].astype(np.float64)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    # A head is about as high as the distance of nose and neck, and as half the width of the shoulders. From the side,
    # shoulders appear narrow, and for a person looking down the neck is close, so the largest estimate counts.
    sizes = [1.8 * float(np.ptp(points, axis=0).max())]
    if keypoints[_NECK, 2] > 0:
        sizes.append(1.2 * math.dist(keypoints[_NOSE if _NOSE in face else face[0], :2], keypoints[_NECK, :2]))
    if (keypoints[_SHOULDERS, 2] > 0).all():
        sizes.append(0.65 * math.dist(*keypoints[_SHOULDERS, :2]))
    half = 1.15 * max(sizes) / 2
    if half == 0:
        return None
    # Nose, eyes and ears are below the middle of a head with hair.
    lift = 0.15 * half
    x, y = centre
    return np.array([x - half, y - half - lift, x + half, y + half], np.float32)


def _torso_length(keypoints: Keypoints, head: NDArray[np.float32] | None) -> float:
    """Return the torso's length in pixels, the largest of several estimates: seen from above, a torso is short."""
    shoulders = keypoints[_TRUNK[:2]]
    sizes = [0.0 if head is None else 1.1 * float(head[3] - head[1])]
    if (shoulders[:, 2] > 0).all():
        sizes.append(1.2 * math.dist(shoulders[0, :2], shoulders[1, :2]))
    if keypoints[_NECK, 2] > 0 and keypoints[_MID_HIP, 2] > 0:
        sizes.append(math.dist(keypoints[_NECK, :2], keypoints[_MID_HIP, :2]))
    return max(sizes)
