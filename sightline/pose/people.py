"""Everybody in a photo, each found once: where they are, their joints, and how sure the models are of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sightline.pose.estimator import Frame, Person, PoseEstimator, Region, check_frame
from sightline.pose.faces import head_box
from sightline.pose.skeleton import JOINTS, Keypoints
from sightline.pose.windows import distinct, parts, whole

__all__ = ["SEEN", "Box", "FoundPerson", "find_people"]

SEEN = 0.5
"""The confidence from which a joint counts as seen; below, the landmark model has guessed where it would be."""

_PARTS = (0.6, 0.35)
"""The sides of the parts that are searched, over the photo's longer side: people of a sixteenth of it are found."""

_FAR = 0.08
"""A person this far from the middle of the region, in its sides, is looked at again in their own."""

_MARGIN = 0.06
"""What is added around the joints, in heights of the person: clothes, hands and soles lie beyond them."""

_ABOUT_AS_SURE = 0.1

_TORSO = [JOINTS.index(name) for name in ("neck", "right_shoulder", "left_shoulder")]


class Box(NamedTuple):
    """A part of a photo in whole pixels; ``right`` and ``bottom`` are outside of it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, eq=False)
class FoundPerson:
    """A person in a photo. ``box`` holds all of them that is seen, and lies within the photo.

    ``keypoints``, shape (25, 3), are BODY_25 in pixels of the photo. ``confidence``, 0 to 1: how sure the landmark
    model is that this is a person, over 0.85 for most people and a half or less for most other things.
    """

    box: Box
    keypoints: Keypoints
    confidence: float


def find_people(rgb: Frame, estimator: PoseEstimator) -> list[FoundPerson]:
    """Everybody in the photo, the surest first; somebody who is found in several parts of it is one.

    ``rgb`` has shape (height, width, 3), dtype uint8. The photo is searched as a whole and in some twenty parts, since
    the detector overlooks who is small in what it is shown. Nobody is left out for want of confidence: that is the
    caller's to judge.
    """
    check_frame(rgb)
    windows = [whole(rgb), *(part for share in _PARTS for part in parts(rgb, share))]
    regions = distinct(region for window in windows for region in estimator.detect(rgb, window))
    seen = [person for region in regions if (person := _look(rgb, region, estimator))]
    kept: list[FoundPerson] = []
    for person in sorted(seen, key=lambda each: -each.presence):
        box = _box(person.keypoints, rgb)
        if box is None or any(_same(person.keypoints, other.keypoints) or _part_of(box, other.box) for other in kept):
            continue
        # Somebody who is about as sure as a part of them takes its place.
        kept = [
            each for each in kept if not _part_of(each.box, box) or each.confidence > person.presence + _ABOUT_AS_SURE
        ]
        kept.append(FoundPerson(box, person.keypoints, person.presence))
    return kept


def _look(rgb: Frame, region: Region, estimator: PoseEstimator) -> Person | None:
    """The person in the region, seen from where they are: joints at the edge of a region are poor ones."""
    person = estimator.landmarks(rgb, region)
    if person is None or math.dist(person.region[:2], region[:2]) <= _FAR * region.side:
        return person
    return estimator.landmarks(rgb, person.region)


def _same(one: Keypoints, other: Keypoints) -> bool:
    """Whether it is one person, whose joints lie on average within an eighth of their extent of each other."""
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    apart = np.linalg.norm(one[both, :2] - other[both, :2], axis=1)
    extent = max(float(np.ptp(each[both, :2], axis=0).max()) for each in (one, other))
    return bool(apart.size and apart.mean() < extent / 8)


def _part_of(box: Box, other: Box) -> bool:
    """Whether it is a glove, say, that was taken for a head: within another person, and not a third of their size."""
    width, height = (min(box[i + 2], other[i + 2]) - max(box[i], other[i]) for i in (0, 1))
    inside = max(width, 0) * max(height, 0) >= 0.9 * (box.right - box.left) * (box.bottom - box.top)
    return inside and _extent(box) < _extent(other) / 3


def _extent(box: Box) -> int:
    return max(box.right - box.left, box.bottom - box.top)


def _box(keypoints: Keypoints, rgb: Frame) -> Box | None:
    """Around the joints that are seen and the head; None where that is all outside of the photo."""
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
