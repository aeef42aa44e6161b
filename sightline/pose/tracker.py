"""One person followed through a video's frames, and one person in a photo.

Example::

    with PoseTracker() as tracker:
        for rgb, time in frames:
            keypoints = tracker.track(rgb, time)
"""

from __future__ import annotations

import math
import threading
from typing import Self

from sightline.pose.estimator import Frame, Person, PoseEstimator, Region, Window, check_frame
from sightline.pose.motion import Motion
from sightline.pose.skeleton import Keypoints
from sightline.pose.windows import around, parts, whole

_SEARCH_SECONDS = 0.5
"""How often, in the video's time, a frame without a person is searched part by part: that costs a few detections."""

_PART = 0.6
"""A part's side over the frame's longer side: a 16:9 frame has three, and people of a tenth of its width are found."""

_FAR = 0.08
"""A person this far from the middle of the region, in its sides, is looked at again in their own."""

_MIN_PRESENCE_IN_PART = 0.7
"""A likeness of a person is met by chance in some part more often than in the whole."""


class PoseTracker:
    """Follows one person through frames at any rate, even or not.

    Where a frame's person is looked for comes from the frames before, by their times. A person who is not there is
    looked for nearby, then in the whole frame, then in parts of the frame, which find people too small for the
    detector's view of a whole frame. Nothing is smoothed: keypoints and confidence are those of the frame itself.

    A context manager, for one thread; ``close`` frees the models.
    """

    def __init__(self) -> None:
        self._estimator = PoseEstimator()
        self._time = -math.inf
        self._motion: Motion | None = None
        self._next_search = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()

    def track(self, rgb: Frame, time: float) -> Keypoints | None:
        """The person's keypoints in this frame, shape (25, 3), or None where nobody is found.

        ``rgb`` has shape (height, width, 3), dtype uint8. ``time`` is in seconds and must increase from call to call;
        raises ValueError otherwise.
        """
        check_frame(rgb)
        if not self._time < time < math.inf:
            raise ValueError(f"frame times must increase: {time} s came after {self._time} s")
        self._time = time
        person = self._follow(rgb, time) or self._search(rgb, time)
        if person is None:
            self._motion = None
            return None
        if self._motion is None:
            self._motion = Motion(person.region, time)
        else:
            self._motion.see(person.region, time)
        return person.keypoints

    def _follow(self, rgb: Frame, time: float) -> Person | None:
        if self._motion is None:
            return None
        region = self._motion.expect(time)
        person = _look(self._estimator, rgb, region)
        if person is None and (nearby := around(region, rgb)):
            person = _find(self._estimator, rgb, [nearby])
        return person

    def _search(self, rgb: Frame, time: float) -> Person | None:
        lost_now, self._motion = self._motion is not None, None
        person = _find(self._estimator, rgb, [whole(rgb)])
        if person is None and (lost_now or time >= self._next_search):
            self._next_search = time + _SEARCH_SECONDS
            person = _find_closely(self._estimator, rgb)
        return person


class _PerThread(threading.local):
    estimator: PoseEstimator | None = None


_photos = _PerThread()


def detect_pose(rgb: Frame) -> Keypoints | None:
    """The keypoints of the most prominent person in one photo, shape (25, 3), or None where nobody is found.

    ``rgb`` has shape (height, width, 3), dtype uint8. The models are loaded once in each thread.
    """
    check_frame(rgb)
    if _photos.estimator is None:
        _photos.estimator = PoseEstimator()
    estimator = _photos.estimator
    person = _find(estimator, rgb, [whole(rgb)]) or _find_closely(estimator, rgb)
    return None if person is None else person.keypoints


def _find_closely(estimator: PoseEstimator, rgb: Frame) -> Person | None:
    """The largest of the people found in parts of the frame, who may be too small for the detector in the whole."""
    return _find(estimator, rgb, parts(rgb, _PART), _MIN_PRESENCE_IN_PART)


def _find(estimator: PoseEstimator, rgb: Frame, windows: list[Window], min_presence: float = 0.0) -> Person | None:
    """The largest of the people found in the windows (in each, the surest)."""
    regions = [regions[0] for window in windows if (regions := estimator.detect(rgb, window))]
    for region in sorted(regions, key=lambda region: -region.side):
        person = _look(estimator, rgb, region)
        if person is not None and person.presence >= min_presence:
            return person
    return None


def _look(estimator: PoseEstimator, rgb: Frame, region: Region) -> Person | None:
    """The person in the region, seen from where they are: joints at the edge of a region are poor ones."""
    person = estimator.landmarks(rgb, region)
    if person is None or math.dist(person.region[:2], region[:2]) <= _FAR * region.side:
        return person
    return estimator.landmarks(rgb, person.region)
