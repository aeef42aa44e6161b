"""Detection of faces to be blurred. Recall matters more than precision: a missed face is worse than a false one.

Example::

    with FaceDetector() as faces:
        for left, top, right, bottom in faces.detect(rgb):
            ...
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from sightline.pose._mediapipe import import_solution
from sightline.pose._stderr import startup_notices_hidden
from sightline.pose.estimator import Frame, Person, PoseEstimator, SearchWindow, check_frame
from sightline.pose.heads import Boxes, Face, FoundHeads, clipped, heads_of, is_tracked, merged
from sightline.pose.sameness import overlap
from sightline.pose.scan import square
from sightline.pose.skeleton import Keypoints
from sightline.pose.windows import distinct, full_frame, parts

_SHORT_RANGE, _FULL_RANGE = 0, 1
_MIN_CONFIDENCE = 0.5
_MIN_PRESENCE = 0.7
_SURE, _OFTEN, _ALIKE = 0.75, 3, 0.8
"""From this score on, or in this number of windows with boxes of that overlap, a face of the short-range model counts.

In 25 of 40 generated rooms and landscapes it finds faces, none of which counts. Of 88 heads of composed people, it and
the full-range model find 31, all of which count."""

_OWN_WINDOWS = (1.8, 2.6, 4.0)
"""In sizes of the head: the windows in one of which a weak face has to be found again."""

_SAME_FACE = 0.35
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3
"""Places among the six points of MediaPipe's faces."""

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
        detection = import_solution("face_detection").FaceDetection
        self._estimator = PoseEstimator()
        with startup_notices_hidden():
            self._short_range, self._full_range = (
                detection(min_detection_confidence=_MIN_CONFIDENCE, model_selection=model)
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
        boxes = [*(face.box for face in self._faces(rgb)), *heads_of(people)]
        return clipped([box for box, _ in merged(boxes)], (rgb.shape[1], rgb.shape[0]))[0]

    def find(self, rgb: Frame, tracked: Mapping[int, Keypoints]) -> FoundHeads:
        """Return the faces in the frame, and the people who are not tracked.

        ``tracked``: the keypoints of the people in the frame who are tracked by now; more of them may be known when the
        heads are assigned.
        """
        faces = self._faces(rgb)
        people = []
        for found in self._people(rgb):
            if not is_tracked(found.keypoints, tracked, faces):
                # In a region of their own, a person's joints are more accurate.
                person = self._estimator.refined_landmarks(rgb, found.region)
                if person is not None and person.presence >= _MIN_PRESENCE:
                    people.append(person.keypoints)
        return FoundHeads(faces, people, (rgb.shape[1], rgb.shape[0]))

    def _faces(self, rgb: Frame) -> list[Face]:
        large, small = _windows(rgb)
        faces = [face for window in large for face, _ in _found_faces(self._full_range, rgb, window)]
        found = [one for window in (*large, *small) for one in _found_faces(self._short_range, rgb, window)]
        for face, score in found:
            times = sum(overlap(face.box, other.box) > _ALIKE for other, _ in found)
            is_sure = score >= _SURE or times >= _OFTEN or self._is_found_again(rgb, face)
            faces.append(face._replace(is_doubtful=not is_sure))
        return faces

    def _is_found_again(self, rgb: Frame, face: Face) -> bool:
        """Return whether a face that the short-range model is unsure of is found in a window of its own.

        Either by the full-range model, or by the short-range one with certainty. Furniture, clothes and shadows look
        like a large face to the short-range model, in one or two windows and with low scores.
        """
        x, y = ((face.box[:2] + face.box[2:]) / 2).tolist()
        size = float((face.box[2:] - face.box[:2]).max())
        for share in _OWN_WINDOWS:
            window = square(x, y, share * size, rgb)
            for model, least in ((self._full_range, 0.0), (self._short_range, _SURE)):
                if any(
                    score >= least and overlap(again.box, face.box) > _SAME_FACE
                    for again, score in _found_faces(model, rgb, window)
                ):
                    return True
        return False

    def _people(self, rgb: Frame) -> list[Person]:
        check_frame(rgb)
        large, small = _windows(rgb)
        found = [found.region for window in (*large, *small) for found in self._estimator.detect(rgb, window)]
        regions = distinct(found)
        people = [person for region in regions if (person := self._estimator.landmarks(rgb, region))]
        return [person for person in people if person.presence >= _MIN_PRESENCE]


def _windows(rgb: Frame) -> tuple[list[SearchWindow], list[SearchWindow]]:
    return [full_frame(rgb), *parts(rgb, _LARGE_PART)], parts(rgb, _SMALL_PART)


def _found_faces(model: Any, rgb: Frame, window: SearchWindow) -> list[tuple[Face, float]]:
    """Return the faces in a window with their scores; none is doubtful."""
    left, top, width, height = window
    part = np.ascontiguousarray(rgb[top : top + height, left : left + width])
    found = []
    for detection in model.process(part).detections or []:
        face = detection.location_data.relative_bounding_box
        size = np.array([face.width * width, face.height * height])
        corner = np.array([left + face.xmin * width, top + face.ymin * height])
        box = np.concatenate([corner, corner + size]) + _MARGIN * np.tile(size, 2)
        points = detection.location_data.relative_keypoints
        right_eye, left_eye, mouth = (
            np.array([points[index].x * width, points[index].y * height]) for index in (_RIGHT_EYE, _LEFT_EYE, _MOUTH)
        )
        x, y = (mouth - (right_eye + left_eye) / 2).tolist()
        length = math.hypot(x, y)
        down = (x / length, y / length) if length else (0.0, 1.0)
        found.append((Face(box, down, is_doubtful=False), float(detection.score[0])))
    return found
