"""Detection of faces to be blurred. Recall matters more than precision: a missed face is worse than a false one.

Example::

    with FaceDetector() as faces:
        for left, top, right, bottom in faces.detect(rgb):
            ...
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.media import Heads
from sightline.pose._stderr import startup_notices_hidden
from sightline.pose.body import body_outline, head_box
from sightline.pose.estimator import Frame, Person, PoseEstimator, SearchWindow, check_frame
from sightline.pose.skeleton import Keypoints
from sightline.pose.windows import distinct, full_frame, parts

Boxes = NDArray[np.float32]
"""Boxes in a frame: shape (n, 4), each row left, top, right, bottom in pixels."""

Box: TypeAlias = NDArray[np.float64]

_SHORT_RANGE, _FULL_RANGE = 0, 1
_MIN_CONFIDENCE = 0.5
_MIN_PRESENCE = 0.7
_NOBODY = 0
_HEAD_RATIO = 0.5
"""A head of less than half the size is another person's: further away, or a child's."""

_SAME_HEAD = 0.25
_SQUARE_DISTANCE, _SQUARE_RATIO = 0.45, (1.3, 2.2)
_SAME_BODY = 1 / 6
"""Joints that differ by less than this share of the person's size on average are one person's."""

_PART = 1 / 3
"""As in :mod:`sightline.pose.people`. A face in it makes it another person, such as a child on a lap."""

_LARGE_PART, _SMALL_PART = 0.6, 0.35

# MediaPipe's face box spans brows to chin and cheek to cheek. These fractions of its size, added on the left, top,
# right and bottom, include the hair, the ears and the chin of a face that moves until the next frame.
_MARGIN = np.array([-0.3, -0.6, 0.3, 0.25])


class FaceDetector:
    """Detects all faces in a frame: near or far, turned away, or behind goggles.

    MediaPipe's two face models detect faces near the camera. Its pose models detect the people whose faces those miss,
    in the frame and in parts of it; their heads are computed from their joints. About 25 detections run for one frame,
    independently of other frames, which takes about ten times as long as
    :class:`~sightline.pose.people_tracker.PeopleTracker`.

    A context manager for one thread; ``close`` frees the models.
    """

    def __init__(self) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._estimator = PoseEstimator()
        with startup_notices_hidden():
            self._short_range, self._full_range = (
                FaceDetection(min_detection_confidence=_MIN_CONFIDENCE, model_selection=model)
                for model in (_SHORT_RANGE, _FULL_RANGE)
            )
            for model in (self._short_range, self._full_range):
                model.process(np.zeros((64, 64, 3), np.uint8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()
        self._short_range.close()
        self._full_range.close()

    def detect(self, rgb: Frame) -> Boxes:
        """Return boxes around all heads, hair to chin, within the frame; shape (n, 4), float32, without duplicates.

        ``rgb`` has shape (height, width, 3), dtype uint8.
        """
        people = [person.keypoints for person in self._people(rgb)]
        return _clipped(_merged([*self._faces(rgb), *_heads_of(people)]), rgb)

    def detect_heads(self, rgb: Frame, people: Mapping[int, Keypoints]) -> Heads:
        """Return all heads, each with the tracked person whose it is, and the bodies of people who are not tracked.

        ``people``: the keypoints of the tracked people in the frame, by number. A head belongs to one of them if it is
        about as large as their head and in the same place. A head that may belong to two of them belongs to nobody.
        """
        tracked = {number: head for number, points in people.items() if (head := head_box(points)) is not None}
        faces = self._faces(rgb)
        strangers = self._strangers(rgb, people, tracked, faces)
        heads = [*faces, *_heads_of(strangers)]
        owners = [_owner(head, tracked) for head in heads]
        found: dict[int, list[Box]] = {number: [head.astype(np.float64)] for number, head in tracked.items()}
        for owner, box in zip(owners, heads, strict=True):
            found.setdefault(owner, []).append(box)
        boxes = {owner: _clipped(_merged(owned), rgb) for owner, owned in found.items()}
        return Heads(
            np.concatenate([np.zeros((0, 4), np.float32), *boxes.values()]),
            np.repeat(np.array(list(boxes), np.int64), [len(owned) for owned in boxes.values()]),
            tuple(body_outline(points) for points in strangers),
        )

    def _strangers(
        self,
        rgb: Frame,
        people: Mapping[int, Keypoints],
        heads: Mapping[int, NDArray[np.float32]],
        faces: list[Box],
    ) -> list[Keypoints]:
        def is_tracked(found: Person) -> bool:
            head = head_box(found.keypoints)
            if head is not None and _owner(head.astype(np.float64), heads) != _NOBODY:
                return True
            has_face = head is not None and any(_same_head(face, head) for face in faces)
            return any(
                _same_body(found.keypoints, points) or (not has_face and _is_part(found.keypoints, points))
                for points in people.values()
            )

        strangers: list[Keypoints] = []
        for found in self._people(rgb):
            # In a region of their own, a person's joints are more accurate.
            person = found if is_tracked(found) else self._estimator.refined_landmarks(rgb, found.region)
            if person is not None and person.presence >= _MIN_PRESENCE and not is_tracked(person):
                strangers.append(person.keypoints)
        return strangers

    def _faces(self, rgb: Frame) -> list[Box]:
        large, small = _windows(rgb)
        searches = [(self._full_range, window) for window in large]
        searches += [(self._short_range, window) for window in (*large, *small)]
        return [box for model, window in searches for box in _face_boxes(model, rgb, window)]

    def _people(self, rgb: Frame) -> list[Person]:
        check_frame(rgb)
        large, small = _windows(rgb)
        found = [found.region for window in (*large, *small) for found in self._estimator.detect(rgb, window)]
        regions = distinct(found)
        people = [person for region in regions if (person := self._estimator.landmarks(rgb, region))]
        return [person for person in people if person.presence >= _MIN_PRESENCE]


def _windows(rgb: Frame) -> tuple[list[SearchWindow], list[SearchWindow]]:
    return [full_frame(rgb), *parts(rgb, _LARGE_PART)], parts(rgb, _SMALL_PART)


def _clipped(boxes: list[Box], rgb: Frame) -> Boxes:
    height, width = rgb.shape[:2]
    clipped = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, [width, height, width, height])
    return clipped[(clipped[:, 0] < clipped[:, 2]) & (clipped[:, 1] < clipped[:, 3])].astype(np.float32)


def _heads_of(people: list[Keypoints]) -> list[Box]:
    heads = [head_box(points) for points in people]
    return [head.astype(np.float64) for head in heads if head is not None]


def _owner(head: Box, tracked: Mapping[int, NDArray[np.float32]]) -> int:
    """Return the number of the only tracked person whose head it can be, or 0."""
    owners = [number for number, own in tracked.items() if _same_head(head, own)]
    return owners[0] if len(owners) == 1 else _NOBODY


def _same_head(one: Box, other: NDArray[np.float32]) -> bool:
    """Return whether a detected head can be the tracked one.

    Both detections of one head differ by up to a tenth of its size; the centres of heads side by side by more than a
    third. A face model sometimes marks a larger square around a head that is close to the camera, less precisely.
    """
    size = float(other[3] - other[1])
    ratio = float(one[3] - one[1]) / size
    distance = math.dist((one[:2] + one[2:]) / 2, (other[:2] + other[2:]) / 2) / size
    near = distance < _SAME_HEAD and _HEAD_RATIO <= ratio <= 1 / _HEAD_RATIO
    return near or (distance < _SQUARE_DISTANCE and _SQUARE_RATIO[0] <= ratio <= _SQUARE_RATIO[1])


def _same_body(one: Keypoints, other: Keypoints) -> bool:
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    if not both.any():
        return False
    distance = float(np.linalg.norm(one[both, :2] - other[both, :2], axis=1).mean())
    return distance < _SAME_BODY * float(np.ptp(other[both, :2], axis=0).max())


def _is_part(one: Keypoints, other: Keypoints) -> bool:
    """Return whether it is a part of the other person, such as a hand: among their joints, under a third as large."""
    if not (one[:, 2] > 0).any() or not (other[:, 2] > 0).any():
        return False
    (low, high), (other_low, other_high) = (
        (points.min(axis=0), points.max(axis=0)) for points in (one[one[:, 2] > 0, :2], other[other[:, 2] > 0, :2])
    )
    middle = (low + high) / 2
    inside = bool(((middle >= other_low) & (middle <= other_high)).all())
    return inside and float((high - low).max()) < _PART * float((other_high - other_low).max())


def _face_boxes(model: Any, rgb: Frame, window: SearchWindow) -> list[Box]:
    left, top, width, height = window
    part = np.ascontiguousarray(rgb[top : top + height, left : left + width])
    boxes = []
    for detection in model.process(part).detections or []:
        face = detection.location_data.relative_bounding_box
        size = np.array([face.width * width, face.height * height])
        corner = np.array([left + face.xmin * width, top + face.ymin * height])
        boxes.append(np.concatenate([corner, corner + size]) + _MARGIN * np.tile(size, 2))
    return boxes


def _merged(boxes: list[Box]) -> list[Box]:
    """Merge the boxes of which one covers more than half of the other."""
    merged: list[Box] = []
    for new in boxes:
        box = new
        while (index := next((i for i, other in enumerate(merged) if _covers_half(box, other)), None)) is not None:
            other = merged.pop(index)
            box = np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])
        merged.append(box)
    return merged


def _covers_half(a: Box, b: Box) -> bool:
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    smaller = min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())
    return bool(shared > 0.5 * smaller)
