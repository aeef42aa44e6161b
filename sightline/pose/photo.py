"""Detection of one person in a photo."""

from __future__ import annotations

import threading

from sightline.pose.estimator import Frame, Person, PoseEstimator, SearchWindow, check_frame
from sightline.pose.skeleton import Keypoints
from sightline.pose.windows import full_frame, parts

_PART = 0.6
"""A part's side over the frame's longer side: three parts in 16:9, for people of a tenth of the width."""

_MIN_PRESENCE_IN_PART = 0.7
"""Searching several parts causes more false detections than searching the frame once."""


class _PerThread(threading.local):
    estimator: PoseEstimator | None = None


_photos = _PerThread()


def detect_pose(rgb: Frame) -> Keypoints | None:
    """Return the keypoints of the most prominent person in a photo, shape (25, 3), or None if nobody is detected.

    ``rgb`` has shape (height, width, 3), dtype uint8. The models are loaded once per thread.
    """
    check_frame(rgb)
    if _photos.estimator is None:
        _photos.estimator = PoseEstimator()
    estimator = _photos.estimator
    person = find_largest(estimator, rgb, [full_frame(rgb)]) or find_closely(estimator, rgb)
    return None if person is None else person.keypoints


def find_closely(estimator: PoseEstimator, rgb: Frame) -> Person | None:
    """Return the largest person in parts of the frame, who may be too small for the detector in the full frame."""
    return find_largest(estimator, rgb, parts(rgb, _PART), _MIN_PRESENCE_IN_PART)


def find_largest(
    estimator: PoseEstimator, rgb: Frame, windows: list[SearchWindow], min_presence: float = 0.0
) -> Person | None:
    """Return the largest of the people in the windows; in one window, only the highest confidence counts."""
    regions = [found[0].region for window in windows if (found := estimator.detect(rgb, window))]
    for region in sorted(regions, key=lambda region: -region.side):
        person = estimator.refined_landmarks(rgb, region)
        if person is not None and person.presence >= min_presence:
            return person
    return None
