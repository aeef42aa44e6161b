"""MediaPipe's two pose models: the detector of people, and the landmark model for the joints of one person.

``mediapipe.solutions.pose`` combines the same two models in MediaPipe's own tracking loop. That loop searches for the
person at their position in the last frame and counts every frame as 1/30 s, so at ten frames per second it loses people
who are small or fast. The models are separate here, and :mod:`sightline.pose.people_tracker` uses the timestamps.
The weights are part of the mediapipe wheel.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sightline.pose._mediapipe import import_solution
from sightline.pose._stderr import startup_notices_hidden
from sightline.pose.skeleton import Keypoints, from_mediapipe

Frame = NDArray[np.uint8]
"""An image: shape (height, width, 3), RGB."""

_DETECTOR = """
    input_stream: "image"
    output_stream: "detections"
    node {
      calculator: "PoseDetectionCpu"
      input_stream: "IMAGE:image"
      output_stream: "DETECTIONS:detections"
    }
"""
_LANDMARKS = """
    input_stream: "image"
    input_stream: "region"
    input_side_packet: "model_complexity"
    output_stream: "landmarks"
    output_stream: "alignment"
    node {
      calculator: "PoseLandmarkByRoiCpu"
      input_side_packet: "MODEL_COMPLEXITY:model_complexity"
      input_stream: "IMAGE:image"
      input_stream: "ROI:region"
      output_stream: "LANDMARKS:landmarks"
      output_stream: "AUXILIARY_LANDMARKS:alignment"
    }
"""
_SEGMENTATION = """
    input_side_packet: "enable_segmentation"
    output_stream: "mask"
    node {
      calculator: "FromImageCalculator"
      input_stream: "IMAGE:mask_image"
      output_stream: "IMAGE_CPU:mask"
    }
"""
_MODEL_COMPLEXITY = 1
_MIN_DETECTION_CONFIDENCE = 0.5
_MIN_PRESENCE = 0.5
_FACE_LANDMARKS = 11
"""The number of face landmarks, the first of the 33."""
_FAR = 0.08
"""At this distance from the region's centre, in sides, a person is processed again in their own region."""


def check_frame(rgb: Frame) -> None:
    """Raise ValueError unless ``rgb`` is (height, width, 3) of uint8."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a frame is (height, width, 3) of uint8; this one is {rgb.shape} of {rgb.dtype}")


class SearchWindow(NamedTuple):
    """An axis-parallel part of a frame, in integer pixels."""

    left: int
    top: int
    width: int
    height: int


class Region(NamedTuple):
    """The rotated square around a person, the landmark model's input: centre and side in pixels, angle in radians."""

    x: float
    y: float
    side: float
    rotation: float


class Detection(NamedTuple):
    """A person that the detector found: their region, and the midpoint of their shoulders in pixels."""

    region: Region
    shoulders: tuple[float, float]


class PersonMask(NamedTuple):
    """The pixels of a person. ``values``: shape (height, width) of the window, float32, 0 to 1.

    The landmark model marks people next to the person too, without a difference.
    """

    window: SearchWindow
    values: NDArray[np.float32]

    def enlarged(self, scale: float, size: tuple[int, int]) -> PersonMask:
        """Return the mask in a frame that is ``scale`` times as large; ``size``: its width and height."""
        import cv2

        left, top = round(self.window.left * scale), round(self.window.top * scale)
        width = min(round(self.window.width * scale), size[0] - left)
        height = min(round(self.window.height * scale), size[1] - top)
        values = cv2.resize(self.values, (width, height), interpolation=cv2.INTER_LINEAR)
        return PersonMask(SearchWindow(left, top, width, height), np.asarray(values, np.float32))


class Person(NamedTuple):
    """A person in a frame.

    ``region`` is the landmark model's input for the same person in the next frame. ``presence``, 0 to 1, is the
    landmark model's confidence that the face is within the region: above 0.85 for people, also from behind, and about
    0.5 or less for most false detections. ``mask`` is None without segmentation.
    """

    keypoints: Keypoints
    region: Region
    presence: float
    mask: PersonMask | None = None


class PoseEstimator:
    """The loaded person detector and landmark model. Do not share it between threads.

    With ``segmentation``, people have masks; each takes about a third longer. A context manager; ``close`` frees the
    models.
    """

    def __init__(self, *, segmentation: bool = False) -> None:
        import_solution("pose")
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python.solution_base import SolutionBase

        def graph(text: str, **arguments: Any) -> Any:
            config = text_format.Parse(text, calculator_pb2.CalculatorGraphConfig())
            return SolutionBase(graph_config=config, **arguments)

        self._segmentation = segmentation
        landmarks, side_inputs = _LANDMARKS, {"model_complexity": _MODEL_COMPLEXITY}
        if segmentation:
            landmarks, side_inputs = _with_segmentation(landmarks), side_inputs | {"enable_segmentation": True}
        with startup_notices_hidden():
            self._detector = graph(
                _DETECTOR,
                calculator_params={
                    "posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh": _MIN_DETECTION_CONFIDENCE
                },
            )
            self._landmarks = graph(
                landmarks,
                side_inputs=side_inputs,
                calculator_params={
                    "poselandmarkbyroicpu__tensorstoposelandmarksandsegmentation__ThresholdingCalculator.threshold": (
                        _MIN_PRESENCE
                    )
                },
            )
            # The graphs start in the background. A first image makes them finish and print notices in this block.
            blank = np.zeros((64, 64, 3), np.uint8)
            self.detect(blank)
            self.landmarks(blank, Region(32, 32, 64, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._detector.close()
        self._landmarks.close()

    def detect(self, rgb: Frame, window: SearchWindow | None = None) -> list[Detection]:
        """Return the people in the window, by default the full frame, the highest confidence first.

        The detector scales the window to 224 by 224 pixels, so a person must fill about a sixth of its longer side.
        """
        left, top, width, height = window or SearchWindow(0, 0, rgb.shape[1], rgb.shape[0])
        part = np.ascontiguousarray(rgb[top : top + height, left : left + width])
        detections = self._detector.process(part).detections or []
        found = []
        for detection in sorted(detections, key=lambda detection: -detection.score[0]):
            centre, edge, shoulders = (
                (left + point.x * width, top + point.y * height)
                for point in detection.location_data.relative_keypoints[:3]
            )
            found.append(Detection(_region(centre, edge), shoulders))
        return found

    def landmarks(self, rgb: Frame, region: Region) -> Person | None:
        """Return the person in the region, or None if the model detects none."""
        if self._segmentation:
            return self._segmented(rgb, region)
        return self._landmarks_in(rgb, region)

    def _segmented(self, rgb: Frame, region: Region) -> Person | None:
        # A mask has the size of its image, so that only the part with the region is given to the model.
        left, top, width, height = window = _extent(region, rgb)
        if min(width, height) < 1:
            return None
        part = rgb[top : top + height, left : left + width]
        person = self._landmarks_in(part, region._replace(x=region.x - left, y=region.y - top))
        if person is None or person.mask is None:
            return person
        keypoints = person.keypoints + np.array([left, top, 0], np.float32) * (person.keypoints[:, 2:] > 0)
        moved = person.region._replace(x=person.region.x + left, y=person.region.y + top)
        return person._replace(keypoints=keypoints, region=moved, mask=person.mask._replace(window=window))

    def _landmarks_in(self, rgb: Frame, region: Region) -> Person | None:
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect

        height, width = rgb.shape[:2]
        rectangle = NormalizedRect(
            x_center=region.x / width,
            y_center=region.y / height,
            width=region.side / width,
            height=region.side / height,
            rotation=region.rotation,
        )
        output = self._landmarks.process({"image": np.ascontiguousarray(rgb), "region": rectangle})
        if output.landmarks is None:
            return None
        scale = np.array([width, height, 1.0])
        points = np.array([(point.x, point.y, point.visibility) for point in output.landmarks.landmark]) * scale
        centre, edge = ((point.x * width, point.y * height) for point in output.alignment.landmark[:2])
        presence = sum(point.presence for point in output.landmarks.landmark[:_FACE_LANDMARKS]) / _FACE_LANDMARKS
        mask = PersonMask(SearchWindow(0, 0, width, height), output.mask) if self._segmentation else None
        return Person(from_mediapipe(points), _region(centre, edge), presence, mask)

    def refined_landmarks(self, rgb: Frame, region: Region) -> Person | None:
        """Return the person in the region, processed again in their own region if it is elsewhere.

        Joints at a region's edge are inaccurate.
        """
        person = self.landmarks(rgb, region)
        if person is None or math.dist(person.region[:2], region[:2]) <= _FAR * region.side:
            return person
        return self.landmarks(rgb, person.region)


def _with_segmentation(graph: str) -> str:
    inputs = 'input_side_packet: "MODEL_COMPLEXITY:model_complexity"'
    outputs = 'output_stream: "LANDMARKS:landmarks"'
    graph = graph.replace(inputs, inputs + ' input_side_packet: "ENABLE_SEGMENTATION:enable_segmentation"')
    return graph.replace(outputs, outputs + ' output_stream: "SEGMENTATION_MASK:mask_image"') + _SEGMENTATION


def _extent(region: Region, rgb: Frame) -> SearchWindow:
    """Return the part of the frame that contains the region."""
    half = region.side / 2 * (abs(math.cos(region.rotation)) + abs(math.sin(region.rotation))) + 1
    height, width = rgb.shape[:2]
    left, top = max(0, math.floor(region.x - half)), max(0, math.floor(region.y - half))
    right, bottom = min(width, math.ceil(region.x + half)), min(height, math.ceil(region.y + half))
    return SearchWindow(left, top, right - left, bottom - top)


def _region(centre: tuple[float, float], edge: tuple[float, float]) -> Region:
    """Return the region of a person from the two alignment points of MediaPipe's models.

    The points are the midpoint of the hips and a point above it on the circle around the person. The region is the
    square around that circle, a quarter larger, rotated so that the person is upright in it (MediaPipe's
    AlignmentPointsRectsCalculator and RectTransformationCalculator, with the values of its pose graph).
    """
    x, y = edge[0] - centre[0], edge[1] - centre[1]
    rotation = math.pi / 2 - math.atan2(-y, x)
    return Region(*centre, side=2.5 * math.hypot(x, y), rotation=math.remainder(rotation, 2 * math.pi))
