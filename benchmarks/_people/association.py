"""Associations of the same detections, to compare the tracker with. Each returns a number for each person of a frame.

- ``nearest mid-hip``: the person whose mid-hip was last seen nearest, within half of their height.
- ``Sports2D``: the rule of ``sort_people_sports2d`` in pose2sim, with the values of Sports2D's example: the smallest
  sum of the mean distances of joints, each below 250 pixels; a person not seen for a second is not recognised.
- ``ByteTrack`` and ``OC-SORT``: those of the package trackers, on the boxes, with its values; they keep a person who
  is not seen for ten seconds, the longest absence in the clips.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import FPS
from benchmarks._people.detections import Detections
from sightline.pose import JOINTS

__all__ = ["Association", "baselines"]

Floats = NDArray[np.float64]

_MID_HIP = JOINTS.index("mid_hip")
_CONFIDENT = 0.3
"""Sports2D leaves out joints of a lower confidence."""
_FARTHEST = 250.0
_FORGOTTEN = 1.0
_KEPT = 10.0


class Association(Protocol):
    """Numbers the people of consecutive frames."""

    def __call__(self, people: Detections, time: float) -> list[int]:
        """Return each person's number, from 1; 0 for a person who is not reported."""


class NearestMidHip:
    """Gives a person the number whose mid-hip was last seen nearest, the nearest pairs first."""

    def __init__(self) -> None:
        self._last: list[Floats] = []

    def __call__(self, people: Detections, time: float) -> list[int]:
        numbers = [0] * len(people.keypoints)
        places = people.keypoints[:, _MID_HIP, :2].astype(np.float64)
        heights = people.boxes[:, 3] - people.boxes[:, 1]
        pairs = sorted(
            (math.dist(place, last), row, number)
            for row, place in enumerate(places)
            for number, last in enumerate(self._last, 1)
        )
        for distance, row, number in pairs:
            if not numbers[row] and number not in numbers and distance <= heights[row] / 2:
                numbers[row] = number
        for row, place in enumerate(places):
            if not numbers[row]:
                self._last.append(place)
                numbers[row] = len(self._last)
            self._last[numbers[row] - 1] = place
        return numbers


class Sports2D:
    """Minimises the sum of the mean distances between the joints of people in consecutive frames."""

    def __init__(self) -> None:
        self._last: list[Floats] = []
        self._seen: list[float] = []

    def __call__(self, people: Detections, time: float) -> list[int]:
        from scipy.optimize import linear_sum_assignment

        bodies = people.keypoints[..., :2].astype(np.float64)
        bodies[people.keypoints[..., 2] < _CONFIDENT] = np.nan
        numbers = [0] * len(bodies)
        if self._last and len(bodies):
            costs = np.array(
                [[self._distance(number, body, time) for body in bodies] for number in range(len(self._last))]
            )
            for number, row in zip(*linear_sum_assignment(costs), strict=True):
                if costs[number, row] <= _FARTHEST:
                    numbers[row] = int(number) + 1
        for row, body in enumerate(bodies):
            if not numbers[row]:
                self._last.append(body)
                self._seen.append(time)
                numbers[row] = len(self._last)
            number = numbers[row] - 1
            # A joint that is not seen keeps its last place.
            self._last[number] = np.where(np.isnan(body), self._last[number], body)
            self._seen[number] = time
        return numbers

    def _distance(self, number: int, body: Floats, time: float) -> float:
        distances = np.linalg.norm(self._last[number] - body, axis=1)
        known = distances[~np.isnan(distances)]
        if not known.size or time - self._seen[number] > _FORGOTTEN + 1e-6:
            return 1e10
        return float(known.mean())


class BoxTracker:
    """A tracker of boxes of the package trackers."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker
        self._boxes = importlib.import_module("supervision").Detections

    def __call__(self, people: Detections, time: float) -> list[int]:
        rows = np.arange(len(people.boxes))
        found = self._tracker.update(
            self._boxes(
                xyxy=people.boxes.astype(float).reshape(-1, 4),
                confidence=people.confidences.astype(float),
                class_id=np.zeros(len(rows), int),
                data={"row": rows},
            )
        )
        numbers = [0] * len(rows)
        for row, number in zip(found.data.get("row", []), found.tracker_id, strict=True):
            numbers[int(row)] = max(int(number) + 1, 0)
        return numbers


def baselines() -> dict[str, Callable[[], Association]]:
    """Return the associations by name; those of trackers only if it is installed."""
    found: dict[str, Callable[[], Association]] = {"nearest mid-hip": NearestMidHip, "Sports2D": Sports2D}
    try:
        package: Any = importlib.import_module("trackers")
    except ImportError:
        return found
    # The buffer is in frames at 30 per second, whatever the rate is.
    options = {"lost_track_buffer": round(30 * _KEPT), "frame_rate": float(FPS), "minimum_consecutive_frames": 1}
    found["ByteTrack"] = lambda: BoxTracker(package.ByteTrackTracker(**options))
    found["OC-SORT"] = lambda: BoxTracker(package.OCSORTTracker(**options))
    return found
