"""Whose the heads are that are found in a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.media import DOUBTFUL, NOBODY, Heads
from sightline.pose.body import body_outline, head_box
from sightline.pose.sameness import is_part, similar_pose
from sightline.pose.skeleton import Keypoints

__all__ = ["Box", "Boxes", "Face", "FoundHeads", "clipped", "heads_of", "is_tracked", "merged"]

Boxes = NDArray[np.float32]
"""Boxes in a frame: shape (n, 4), each row left, top, right, bottom in pixels."""

Box: TypeAlias = NDArray[np.float64]

_HEAD_RATIO, _LARGEST_RATIO = 0.5, 2.5
"""A head of less than half the size is another person's: further away, or a child's. A larger one right in front of
theirs would hide it, so up to this ratio it is theirs, marked too large."""

_SAME_HEAD = 0.25
_SQUARE_DISTANCE, _SQUARE_RATIO = 0.45, (1.3, 2.2)
_NEAR_HEAD = 0.6
"""In sizes of the head: a face so close to a tracked person's head has no body of its own."""


_NOT_A_FACE = (0.0, 0.0)


class Face(NamedTuple):
    """A face. ``box``: the head, hair to chin. ``down``: the unit vector from the eyes to the mouth.

    ``is_doubtful``: whether it is probably none.
    """

    box: Box
    down: tuple[float, float]
    is_doubtful: bool


@dataclass(frozen=True, eq=False)
class FoundHeads:
    """What is found in a frame of ``size``, width and height: faces, and ``people`` who may not be tracked."""

    faces: Sequence[Face]
    people: Sequence[Keypoints]
    size: tuple[int, int]

    def assigned(self, tracked: Mapping[int, Keypoints]) -> Heads:
        """Return all heads, each with the tracked person whose it is, and the bodies of people who are not tracked.

        ``tracked``: the keypoints of the tracked people in the frame, by number. A head belongs to one of them if it is
        about as large as their head and in the same place. A head that may belong to two of them belongs to nobody. A
        doubtful face at no tracked head, and at no head of the others, is no head.
        """
        heads = {number: head for number, points in tracked.items() if (head := head_box(points)) is not None}
        strangers = [points for points in self.people if not is_tracked(points, tracked, self.faces)]
        bodies = heads_of(strangers)
        found: dict[int, list[tuple[Box, tuple[float, float]]]] = {}
        for number, head in heads.items():
            found.setdefault(number, []).append((head.astype(np.float64), _NOT_A_FACE))
        for box in bodies:
            found.setdefault(_owner(box, heads), []).append((box, _NOT_A_FACE))
        for face in self.faces:
            owner = _owner(face.box, heads)
            has_body = any(_same_head(face.box, body) for body in bodies)
            if owner == NOBODY and face.is_doubtful and not has_body:
                owner = DOUBTFUL
            alone = not has_body and not any(_is_near(face.box, head) for head in heads.values())
            found.setdefault(owner, []).append((face.box, face.down if alone else _NOT_A_FACE))
        boxes, owners, down = [], [], []
        for owner, owned in found.items():
            for box, members in merged([box for box, _ in owned]):
                boxes.append(box)
                owners.append(owner)
                # A head whose joints are known needs no estimate of its body.
                downs = [owned[index][1] for index in members]
                down.append(_NOT_A_FACE if _NOT_A_FACE in downs else downs[0])
        visible, inside = clipped(boxes, self.size)
        return Heads(
            visible,
            np.array(owners, np.int64)[inside],
            tuple(body_outline(points) for points in strangers),
            np.array(down, np.float32).reshape(-1, 2)[inside],
        )


def is_tracked(points: Keypoints, tracked: Mapping[int, Keypoints], faces: Sequence[Face]) -> bool:
    """Return whether a person who was found is one of those who are tracked, or a part of them without a face.

    A face in a part makes it another person, such as a child on a lap.
    """
    heads = {number: head for number, own in tracked.items() if (head := head_box(own)) is not None}
    head = head_box(points)
    if head is not None and _owner(head.astype(np.float64), heads) != NOBODY:
        return True
    has_face = head is not None and any(_same_head(face.box, head) for face in faces if not face.is_doubtful)
    return any(similar_pose(points, own) or (not has_face and is_part(points, own)) for own in tracked.values())


def heads_of(people: Sequence[Keypoints]) -> list[Box]:
    """Return the boxes around the heads of people with a known one."""
    heads = [head_box(points) for points in people]
    return [head.astype(np.float64) for head in heads if head is not None]


def clipped(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Boxes, NDArray[np.bool_]]:
    """Return the boxes that are partly in the frame, cut at its edges, and which they are, shape (n,)."""
    cut = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, [*size, *size]).astype(np.float32)
    inside = (cut[:, 0] < cut[:, 2]) & (cut[:, 1] < cut[:, 3])
    return cut[inside], inside


def merged(boxes: Sequence[Box]) -> list[tuple[Box, list[int]]]:
    """Merge the boxes of which one covers more than half of the other; return each with the indices of its parts."""
    groups: list[tuple[Box, list[int]]] = []
    for index, new in enumerate(boxes):
        box, members = new, [index]
        while (place := next((i for i, (other, _) in enumerate(groups) if _covers_half(box, other)), None)) is not None:
            other, others = groups.pop(place)
            box = np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])
            members = others + members
        groups.append((box, members))
    return groups


def _owner(head: Box, tracked: Mapping[int, NDArray[np.float32]]) -> int:
    """Return the number of the only tracked person whose head it can be, or nobody."""
    owners = [number for number, own in tracked.items() if _same_head(head, own)]
    return owners[0] if len(owners) == 1 else NOBODY


def _same_head(one: Box, other: Box | NDArray[np.float32]) -> bool:
    """Return whether a detected head can be the tracked one.

    Both detections of one head differ by up to a tenth of its size; the centres of heads side by side by more than a
    third. A face model sometimes marks a larger square around a head that is close to the camera, less precisely.
    """
    size = float(other[3] - other[1])
    ratio = float(one[3] - one[1]) / size
    distance = math.dist((one[:2] + one[2:]) / 2, (other[:2] + other[2:]) / 2) / size
    near = distance < _SAME_HEAD and _HEAD_RATIO <= ratio <= _LARGEST_RATIO
    return near or (distance < _SQUARE_DISTANCE and _SQUARE_RATIO[0] <= ratio <= _SQUARE_RATIO[1])


def _is_near(one: Box, other: NDArray[np.float32]) -> bool:
    """Return whether a detected head is about where a tracked one is, and not much smaller."""
    size = float(other[3] - other[1])
    distance = math.dist((one[:2] + one[2:]) / 2, (other[:2] + other[2:]) / 2)
    return distance < _NEAR_HEAD * size and float(one[3] - one[1]) > _HEAD_RATIO * size


def _covers_half(a: Box, b: Box) -> bool:
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    smaller = min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())
    return bool(shared > 0.5 * smaller)
