"""All people in a photo: their boxes, joints and the models' confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sightline.pose.body import head_box
from sightline.pose.estimator import Frame, PoseEstimator, check_frame
from sightline.pose.sameness import is_part, same_pose
from sightline.pose.skeleton import JOINTS, SEEN, Keypoints
from sightline.pose.windows import distinct, full_frame, parts

__all__ = ["Box", "FoundPerson", "find_people"]

_PARTS = (0.6, 0.35)
"""The sides of the searched parts, over the photo's longer side: people of a sixteenth of it are detected."""

_MARGIN = 0.06
"""Margin around the joints, in heights of the person, for clothes, hands and soles."""

_SIMILAR_CONFIDENCE = 0.1

_TORSO = [JOINTS.index(name) for name in ("neck", "right_shoulder", "left_shoulder")]


class Box(NamedTuple):
    """A part of a photo in integer pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def extent(self) -> int:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)


@dataclass(frozen=True, eq=False)
class FoundPerson:
    """A person in a photo. ``box`` contains everything of them that is visible, and is within the photo.

    ``keypoints``, shape (25, 3), are BODY_25 in pixels of the photo. ``confidence``, 0 to 1, is the landmark model's
    confidence that this is a person: above 0.85 for most people, 0.5 or less for most false detections.
    """

    box: Box
    keypoints: Keypoints
    confidence: float


def find_people(rgb: Frame, estimator: PoseEstimator) -> list[FoundPerson]:
    """Return all people in the photo, the highest confidence first, without duplicates.

    ``rgb`` has shape (height, width, 3), dtype uint8. The complete photo is searched, and about twenty parts of it,
    because the detector misses people who are small in its input. There is no limit on the confidence: the caller
    applies its own.
    """
    check_frame(rgb)
    windows = [full_frame(rgb), *(part for share in _PARTS for part in parts(rgb, share))]
    regions = distinct(found.region for window in windows for found in estimator.detect(rgb, window))
    candidates = [person for region in regions if (person := estimator.refined_landmarks(rgb, region))]
    people: list[FoundPerson] = []
    for person in sorted(candidates, key=lambda candidate: -candidate.presence):
        box = _box(person.keypoints, rgb)
        if box is None or any(
            same_pose(person.keypoints, other.keypoints, strict=True) or is_part(person.keypoints, other.keypoints)
            for other in people
        ):
            continue
        # A person replaces a part of them with a similar confidence.
        people = [
            other
            for other in people
            if not is_part(other.keypoints, person.keypoints)
            or other.confidence > person.presence + _SIMILAR_CONFIDENCE
        ]
        people.append(FoundPerson(box, person.keypoints, person.presence))
    return people


def _box(keypoints: Keypoints, rgb: Frame) -> Box | None:
    """Return the box around the visible joints and the head; None if it is outside the photo."""
    seen = keypoints[:, 2] >= SEEN
    seen[_TORSO] |= keypoints[_TORSO, 2] > 0
    points = keypoints[seen, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    low, high = low - margin, high + margin
    if (head := head_box(keypoints)) is not None:
        low, high = np.minimum(low, head[:2]), np.maximum(high, head[2:])
    height, width = rgb.shape[:2]
    left, top = np.floor(np.clip(low, 0, (width, height))).astype(int).tolist()
    right, bottom = np.ceil(np.clip(high, 0, (width, height))).astype(int).tolist()
    return Box(left, top, right, bottom) if left < right and top < bottom else None
