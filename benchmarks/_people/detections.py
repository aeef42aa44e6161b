"""Everyone found in each frame of a clip, for all associations the same. Stored in the folder of results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import ComposedFrame
from benchmarks._people.folder import cached, version
from benchmarks._people.stored import COMPOSER
from sightline.pose.estimator import PoseEstimator
from sightline.pose.people import find_people

__all__ = ["Detections", "detections"]

_DETECTOR = ("estimator", "people", "windows")
_CONFIDENCE = 0.7
"""The lowest confidence of a person, as for the faces to blur."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The people found in a frame: ``keypoints`` (n, 25, 3), ``boxes`` (n, 4) and ``confidences`` (n,)."""

    keypoints: NDArray[np.float32]
    boxes: NDArray[np.float32]
    confidences: NDArray[np.float32]


def detections(name: str, frames: Iterable[ComposedFrame]) -> list[Detections]:
    """Return the people of each frame, found by :func:`~sightline.pose.find_people` in the full frame and its parts.

    They are stored under the clip's name, the composer's code and the detector's, so a change of either finds them
    again.
    """
    versions = version("benchmarks._people", *COMPOSER), version("sightline.pose", *_DETECTOR)
    stored = cached(f"detections-{name}-{'-'.join(versions)}", lambda: _found(frames))
    ends = np.cumsum(stored["counts"])
    found = []
    for start, end in zip(ends - stored["counts"], ends, strict=True):
        rows = np.arange(start, end)
        rows = rows[stored["confidences"][rows] >= _CONFIDENCE]
        found.append(Detections(*(stored[key][rows] for key in ("keypoints", "boxes", "confidences"))))
    return found


def _found(frames: Iterable[ComposedFrame]) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    with PoseEstimator() as estimator:
        people = [find_people(frame.rgb, estimator) for frame in frames]
    everyone = [person for found in people for person in found]
    return {
        "counts": np.array([len(found) for found in people], np.int64),
        "keypoints": np.array([person.keypoints for person in everyone], np.float32).reshape(-1, 25, 3),
        "boxes": np.array([person.box for person in everyone], np.float32).reshape(-1, 4),
        "confidences": np.array([person.confidence for person in everyone], np.float32),
    }
