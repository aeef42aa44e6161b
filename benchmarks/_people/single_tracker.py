"""The tracker of one person that tracked videos before everyone was tracked: the reference for the tracker of everyone.

Example::

    with PoseTracker() as tracker:
        for rgb, time in frames:
            keypoints = tracker.track(rgb, time)
"""

from __future__ import annotations

import math
from typing import Self

from sightline.pose.appearance import Appearance
from sightline.pose.estimator import Frame, Person, PoseEstimator, check_frame
from sightline.pose.motion import MotionModel
from sightline.pose.photo import find_closely, find_largest
from sightline.pose.pieces import Piece
from sightline.pose.skeleton import Keypoints
from sightline.pose.windows import around, full_frame

__all__ = ["PoseTracker", "SinglePersonTracker"]

_SEARCH_SECONDS = 0.5
"""Interval, in the video's time, of searches in parts of a frame without a person: a few detections."""


class PoseTracker:
    """Tracks one person through frames at any rate, constant or not.

    The person's region is predicted from earlier frames and their timestamps. If the person is not there, the
    surroundings are searched, then the full frame, then parts of the frame, for people who are too small for the
    detector in the full frame. Nothing is smoothed: keypoints and confidence are those of the frame.

    A context manager for one thread; ``close`` frees the models.
    """

    def __init__(self, estimator: PoseEstimator | None = None) -> None:
        self._estimator = estimator or PoseEstimator()
        self._time = -math.inf
        self._motion: MotionModel | None = None
        self._next_search = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()

    def track(self, rgb: Frame, time: float) -> Keypoints | None:
        """Return the person's keypoints in this frame, shape (25, 3), or None if nobody is detected.

        The arguments are those of :meth:`find`.
        """
        person = self.find(rgb, time)
        return None if person is None else person.keypoints

    def find(self, rgb: Frame, time: float) -> Person | None:
        """Return the person in this frame, or None if nobody is detected.

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
            self._motion = MotionModel(person.region, time)
        else:
            self._motion.update(person.region, time)
        return person

    def _follow(self, rgb: Frame, time: float) -> Person | None:
        if self._motion is None:
            return None
        region = self._motion.predict(time)
        person = self._estimator.refined_landmarks(rgb, region)
        if person is None and (nearby := around(region, rgb)):
            person = find_largest(self._estimator, rgb, [nearby])
        return person

    def _search(self, rgb: Frame, time: float) -> Person | None:
        lost_now, self._motion = self._motion is not None, None
        person = find_largest(self._estimator, rgb, [full_frame(rgb)])
        if person is None and (lost_now or time >= self._next_search):
            self._next_search = time + _SEARCH_SECONDS
            person = find_closely(self._estimator, rgb)
        return person


class SinglePersonTracker:
    """The single-person tracker with the interface of :class:`~sightline.pose.people_tracker.PeopleTracker`.

    The person is one piece from start to end, of unknown appearance. Every frame is final at once.
    """

    def __init__(self, *, segmentation: bool = False) -> None:
        if segmentation:
            raise ValueError("the single-person tracker has no masks")
        self._tracker = PoseTracker()
        self._piece: Piece | None = None
        self.latest: dict[int, Person] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._tracker.close()

    @property
    def pieces(self) -> list[Piece]:
        return [] if self._piece is None else [self._piece]

    def track(self, rgb: Frame, time: float) -> list[tuple[float, dict[int, Person]]]:
        person = self._tracker.find(rgb, time)
        self.latest = {} if person is None else {1: person}
        if person is not None and self._piece is None:
            self._piece = Piece.begin_with(1, person, Appearance.unknown(), time)
        elif person is not None and self._piece is not None:
            self._piece.extend(person, Appearance.unknown(), time, is_covered=False)
        return [(time, self.latest)]

    def finish(self) -> list[tuple[float, dict[int, Person]]]:
        return []
