"""Whether two poses, or a pose and a detection, show the same person."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sightline.pose.body import head_box
from sightline.pose.estimator import Detection, Frame, Person
from sightline.pose.skeleton import JOINTS, SEEN, Keypoints

__all__ = ["is_inside", "is_part", "overlap", "same_person", "same_pose", "shows", "similar_pose", "visible_box"]

_SAME = 0.15
"""Two trunks whose joints differ by less, in extents of the trunk, are one trunk."""

_SAME_HEAD = 0.5
"""Two heads whose centres differ by less, in sizes of the head, are one head."""

_SAME_SHOULDERS = 0.3
"""In torso lengths: shoulders this close belong to one person."""

_SAME_BODY = 0.6
_SAME_TRUNK = 0.35
"""In torso lengths: two trunks whose necks and hips differ by less are one trunk."""

_SIMILAR = 1 / 6
"""Joints of similar poses differ by less than this share of the person's size on average."""

_PART = 0.36
"""A part of a person is smaller than this share of their size."""

_NECK, _MID_HIP = JOINTS.index("neck"), JOINTS.index("mid_hip")
_BODY = [JOINTS.index(name) for name in ("nose", "right_shoulder", "left_shoulder", "right_hip", "left_hip")]


def shows(detection: Detection, person: Person) -> bool:
    """Return whether the detection shows a person who has been found: their shoulders are at the same place."""
    neck, hips = person.keypoints[_NECK, :2], person.keypoints[_MID_HIP, :2]
    return math.dist(detection.shoulders, neck) < _SAME_SHOULDERS * math.dist(neck, hips)


def same_person(one: Person, other: Person) -> bool:
    """Return whether both are one person."""
    return same_pose(one.keypoints, other.keypoints)


def same_pose(one: Keypoints, other: Keypoints, *, strict: bool = False) -> bool:
    """Return whether both are one person: the same head, or about the same body; both if it is ``strict``.

    The landmark model guesses the joints outside the frame, so two regions around one person can give different bodies.
    """
    heads = head_box(one), head_box(other)
    same_head = False
    if heads[0] is not None and heads[1] is not None:
        centres = [(head[:2] + head[2:]) / 2 for head in heads if head is not None]
        sizes = [float(head[2] - head[0]) for head in heads if head is not None]
        same_head = math.dist(*centres) < _SAME_HEAD * max(sizes)
        if same_head and not strict:
            return True
    extent = max(float(np.ptp(points[_BODY, :2], axis=0).max()) for points in (one, other))
    distances = np.hypot(*(one[_BODY, :2] - other[_BODY, :2]).T)
    torso = max(math.dist(points[_NECK, :2], points[_MID_HIP, :2]) for points in (one, other))
    ends = max(math.dist(one[joint, :2], other[joint, :2]) for joint in (_NECK, _MID_HIP))
    same_body = (
        np.median(distances) < _SAME * extent
        or overlap(_trunk_box(one), _trunk_box(other)) > _SAME_BODY
        or ends < _SAME_TRUNK * torso
    )
    return bool(same_head and same_body) if strict else bool(same_body)


def similar_pose(one: Keypoints, other: Keypoints) -> bool:
    """Return whether all joints that are known in both are at about the same places, head and trunk or not.

    Bodies that the detector finds in one person who is not complete in the frame are similar, but not the same pose.
    """
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    if not both.any():
        return False
    distance = float(np.linalg.norm(one[both, :2] - other[both, :2], axis=1).mean())
    return distance < _SIMILAR * float(np.ptp(other[both, :2], axis=0).max())


def is_part(one: Keypoints, other: Keypoints) -> bool:
    """Return whether it is a part of the other person, such as a hand: within their box, and much smaller.

    Their box also contains the joints that the model has guessed, because a person may be larger than the frame.
    """
    known = other[other[:, 2] > 0, :2]
    if not (one[:, 2] > 0).any() or not len(known):
        return False
    part, box = visible_box(one), visible_box(other)
    low, high = np.minimum(box[:2], known.min(axis=0)), np.maximum(box[2:], known.max(axis=0))
    middle = (part[:2] + part[2:]) / 2
    inside = bool(((middle >= low) & (middle <= high)).all())
    return inside and float((part[2:] - part[:2]).max()) < _PART * float((high - low).max())


def visible_box(keypoints: Keypoints, margin: float = 0.08) -> NDArray[np.float64]:
    """Return left, top, right, bottom around the visible joints and the head; ``margin``: over the longer side."""
    seen = keypoints[:, 2] >= SEEN
    points = keypoints[seen if seen.any() else keypoints[:, 2] >= 0, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    if (head := head_box(keypoints)) is not None:
        low, high = np.minimum(low, head[:2]), np.maximum(high, head[2:])
    around = margin * float((high - low).max())
    return np.concatenate([low - around, high + around])


def is_inside(keypoints: Keypoints, rgb: Frame) -> bool:
    """Return whether the head or both shoulders are within the frame."""
    height, width = rgb.shape[:2]
    x, y = keypoints[_BODY[:3], 0], keypoints[_BODY[:3], 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return bool(inside[0] or inside[1:].all())


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the intersection over union of two boxes: left, top, right, bottom."""
    shared = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0))
    union = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared
    return float(shared / union) if union > 0 else 0.0


def _trunk_box(keypoints: Keypoints) -> NDArray[np.float64]:
    """Return the box around head, shoulders and hips."""
    points = keypoints[_BODY, :2].astype(np.float64)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
