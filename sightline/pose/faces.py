"""Detection of faces to be blurred. Recall matters more than precision: a missed face is worse than a false one.

Example::

    with FaceDetector() as faces:
        for left, top, right, bottom in faces.detect(rgb):
            ...
"""

from __future__ import annotations

import math
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.pose._stderr import startup_notices_hidden
from sightline.pose.estimator import Frame, PoseEstimator, SearchWindow, check_frame
from sightline.pose.skeleton import JOINTS, Keypoints
from sightline.pose.windows import distinct, full_frame, parts

Boxes = NDArray[np.float32]
"""Boxes in a frame: shape (n, 4), each row left, top, right, bottom in pixels."""

Box: TypeAlias = NDArray[np.float64]

_SHORT_RANGE, _FULL_RANGE = 0, 1
_MIN_CONFIDENCE = 0.5
_MIN_PRESENCE = 0.7
_LARGE_PART, _SMALL_PART = 0.6, 0.35

# MediaPipe's face box spans brows to chin and cheek to cheek. These fractions of its size, added on the left, top,
# right and bottom, include the hair, the ears and the chin of a face that moves until the next frame.
_MARGIN = np.array([-0.3, -0.6, 0.3, 0.25])

_NOSE, _NECK, *_FACE_SIDES = (
    JOINTS.index(name) for name in ("nose", "neck", "right_eye", "left_eye", "right_ear", "left_ear")
)
_SHOULDERS = [JOINTS.index("right_shoulder"), JOINTS.index("left_shoulder")]


class FaceDetector:
    """Detects all faces in a frame: near or far, turned away, or behind goggles.

    MediaPipe's two face models detect faces near the camera. Its pose models detect the people whose faces those miss,
    in the frame and in parts of it; their heads are computed from their joints. About 25 detections run for one frame,
    independently of other frames, which takes about ten times as long as
    :class:`~sightline.pose.tracker.PoseTracker`.

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
        check_frame(rgb)
        height, width = rgb.shape[:2]
        large = [full_frame(rgb), *parts(rgb, _LARGE_PART)]
        small = parts(rgb, _SMALL_PART)
        boxes = _merged([*self._faces(rgb, large, small), *self._heads(rgb, [*large, *small])])
        clipped = np.clip(np.array(boxes, np.float32).reshape(-1, 4), 0, [width, height, width, height])
        return clipped[(clipped[:, 0] < clipped[:, 2]) & (clipped[:, 1] < clipped[:, 3])].astype(np.float32)

    def _faces(self, rgb: Frame, large: list[SearchWindow], small: list[SearchWindow]) -> list[Box]:
        searches = [(self._full_range, window) for window in large]
        searches += [(self._short_range, window) for window in (*large, *small)]
        return [box for model, window in searches for box in _face_boxes(model, rgb, window)]

    def _heads(self, rgb: Frame, windows: list[SearchWindow]) -> list[Box]:
        regions = distinct([found.region for window in windows for found in self._estimator.detect(rgb, window)])
        people = [person for region in regions if (person := self._estimator.landmarks(rgb, region))]
        heads = [head_box(person.keypoints) for person in people if person.presence >= _MIN_PRESENCE]
        return [head.astype(np.float64) for head in heads if head is not None]


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
