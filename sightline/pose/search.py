"""Searches for people in a frame: whom the detector finds, where, and whether it is a person."""

from __future__ import annotations

import math
from typing import NamedTuple

from sightline.pose.body import without_bodies
from sightline.pose.estimator import Frame, Person, PoseEstimator, Region, SearchWindow
from sightline.pose.pieces import Candidate, Piece, distinct_people
from sightline.pose.sameness import is_inside, overlap, same_pose, shows, visible_box
from sightline.pose.scan import Scan, square
from sightline.pose.windows import distinct, full_frame, parts

__all__ = ["FOLLOW_SECONDS", "LOST_SECONDS", "MIN_PRESENCE", "Search"]

FOLLOW_SECONDS = 0.35
"""For this long, a lost person is searched for in their predicted region in every frame."""

MIN_PRESENCE = 0.7
"""For people who are found besides others, or in a part: these searches cause more false detections."""

_SEARCH_SECONDS, _MOTION_SECONDS, _EVENTFUL_SECONDS = 0.4, 0.2, 0.1
"""Interval, in the video's time, of searches for others: usually, while something else moves, and for a second after
somebody was lost or something else began to move. Every second search is left out if the picture looks as in the one
before."""

_CALM_SECONDS = 1.0
_MOST_FRUITLESS = 15
"""After so many searches without anybody new, what moves is no person, but a curtain or the camera."""

LOST_SECONDS, _LOST_INTERVAL = 10.0, 0.6
"""For this long, and at this interval, people are searched for where they were lost."""

_REFUSED_SECONDS = 1.0
"""A false detection is not examined again for this long."""

_OWN_WINDOWS = (0.9, 1.4)
"""In sides of the region: the windows in one of which a detection has to be found again."""

_EXAMINE_SECONDS, _OVERLAP = 0.5, 0.2
"""At this interval, people are examined whose box, and that of somebody who was there before, have this overlap."""

_SWEEP_SECONDS = 0.5
"""Interval of searches in all large parts while nobody is tracked."""

_LARGE_PART, _SMALL_PART = 0.6, 0.35
"""A part's side over the frame's longer side: people of a tenth and of a sixteenth of it are detected."""


class _Refused(NamedTuple):
    """A false detection at ``time``; ``anchor`` was then the region of the nearest person, whose piece is ``piece``."""

    time: float
    region: Region
    piece: int | None
    anchor: Region


class Search:
    """The searches of one video, in order of time. ``estimator``: the loaded models."""

    def __init__(self, estimator: PoseEstimator) -> None:
        self._estimator = estimator
        self._last_search = self._next_sweep = self._moved = self._eventful = -math.inf
        self._turn = self._fruitless = 0
        self._is_left_out = False
        self._time = -math.inf
        self._searched: dict[int, float] = {}
        self._examined: dict[int, float] = {}
        self._refused: list[_Refused] = []
        self._scan = Scan((_LARGE_PART, _SMALL_PART))

    def people(self, rgb: Frame, time: float, found: list[Candidate], pieces: list[Piece]) -> list[Candidate]:
        """Return ``found``, the people who were followed into this frame, and those whom the search of it finds.

        ``pieces``: those that go on, and those that ended in the last :data:`LOST_SECONDS`.
        """
        self._time = time
        return self._for_others(rgb, time, found, pieces) if found else self._everywhere(rgb, time, pieces)

    def nearby(self, rgb: Frame, window: SearchWindow) -> Person | None:
        """Return the clearest person in the window."""
        for detection in self._estimator.detect(rgb, window)[:1]:
            if person := self._estimator.refined_landmarks(rgb, detection.region):
                return person
        return None

    def _everywhere(self, rgb: Frame, time: float, pieces: list[Piece]) -> list[Candidate]:
        """Search the frame, and at intervals its parts: nobody is tracked, so a weak detection is better than none."""
        seen = self._detected(rgb, [full_frame(rgb)], [], 0.0)
        candidates = [one for place, one in enumerate(seen) if not place or one.person.presence >= MIN_PRESENCE]
        first = self._last_search == -math.inf
        self._last_search = time
        lost_now = any(time - piece.last < FOLLOW_SECONDS for piece in pieces)
        if first or (not candidates and (lost_now or time >= self._next_sweep)):
            self._next_sweep = time + _SWEEP_SECONDS
            shares = (_LARGE_PART, _SMALL_PART) if first else (_LARGE_PART,)
            windows = [part for share in shares for part in parts(rgb, share)]
            candidates = self._detected(rgb, windows, candidates, MIN_PRESENCE)
        return candidates

    def _for_others(self, rgb: Frame, time: float, found: list[Candidate], pieces: list[Piece]) -> list[Candidate]:
        """Search the frame, what moves, where somebody was lost, and a part of the frame, in turns and at intervals.

        There are more searches while something moves that is nobody who is known, and after somebody was lost, and
        fewer while nothing changes.
        """
        self._scan.look(rgb, [visible_box(candidate.person.keypoints) for candidate in found])
        lost, motion = self._lost_place(rgb, time, found, pieces), self._scan.motion(rgb)
        if lost or (motion and time - self._moved > _CALM_SECONDS):
            self._eventful = time
        if motion:
            self._moved = time
        else:
            self._fruitless = 0
        if time - self._eventful < _CALM_SECONDS:
            interval = _EVENTFUL_SECONDS
        else:
            interval = _MOTION_SECONDS if motion and self._fruitless < _MOST_FRUITLESS else _SEARCH_SECONDS
        if time < self._last_search + interval - 1e-3:
            return found
        self._last_search = time
        self._turn += 1
        self._examine(rgb, time, found, pieces)
        self._is_left_out = not self._is_left_out and interval == _SEARCH_SECONDS and not self._scan.is_new
        if self._is_left_out:
            return found
        self._scan.searched()
        if self._turn % 2 == 0:
            window = full_frame(rgb)
        elif self._turn % 4 == 1:
            window = motion or lost or self._scan.next_part(rgb)
        else:
            window = lost or self._scan.next_part(rgb)
        everyone = self._detected(rgb, [window], found, MIN_PRESENCE)
        self._fruitless = self._fruitless + 1 if len(everyone) == len(found) else 0
        return everyone

    def _examine(self, rgb: Frame, time: float, found: list[Candidate], pieces: list[Piece]) -> None:
        """Examine, at intervals, whether somebody who appeared on another person's body is a person.

        The landmark model follows a false detection as long as it does a person.
        """
        boxes = {one.source: visible_box(one.person.keypoints) for one in found}
        for piece in pieces:
            if piece.number in boxes and time >= self._examined.get(piece.number, -math.inf) + _EXAMINE_SECONDS:
                others = (box for number, box in boxes.items() if number is not None and number < piece.number)
                if any(overlap(boxes[piece.number], other) > _OVERLAP for other in others):
                    self._examined[piece.number] = time
                    person = next(one.person for one in found if one.source == piece.number)
                    piece.examined += 1
                    piece.confirmed += self._is_found_again(rgb, person)

    def _lost_place(self, rgb: Frame, time: float, found: list[Candidate], pieces: list[Piece]) -> SearchWindow | None:
        """Return the surroundings of the place where somebody was lost in the middle of the frame, at intervals."""
        sources = {candidate.source for candidate in found}
        for piece in pieces:
            region = piece.end
            inside = 0 < region.x < rgb.shape[1] and 0 < region.y < rgb.shape[0]
            is_lost = piece.number not in sources and FOLLOW_SECONDS < time - piece.last < LOST_SECONDS
            if is_lost and inside and time >= self._searched.get(piece.number, -math.inf) + _LOST_INTERVAL:
                self._searched[piece.number] = time
                return square(region.x, region.y, 1.6 * region.side, rgb)
        return None

    def _detected(
        self, rgb: Frame, windows: list[SearchWindow], found: list[Candidate], min_presence: float
    ) -> list[Candidate]:
        """Return ``found`` and the other people that the detector finds in the windows."""
        others = without_bodies(rgb, (known.person.keypoints for known in found))
        detections = (detection for window in windows for detection in self._estimator.detect(others, window))
        strangers = [
            detection.region
            for detection in detections
            if not any(shows(detection, known.person) for known in found)
            and not self._was_refused(detection.region, found)
        ]
        people = [
            Candidate(person, None)
            for region in distinct(strangers)
            if (person := self._estimator.refined_landmarks(rgb, region)) and person.presence >= min_presence
        ]
        new = distinct_people(people, found)[len(found) :]
        return found + [one for one in new if not found or self._is_confirmed(rgb, one.person, found)]

    def _is_confirmed(self, rgb: Frame, person: Person, found: list[Candidate]) -> bool:
        """Return whether the same person is found in a window of their own.

        Clothes, shadows and parts of two people who overlap can look like a person in one window, but not in the next.
        Nobody is left out of these windows: without the patient beside it, an arm can look like a person.
        """
        if self._is_found_again(rgb, person):
            return True
        region = person.region
        anchor = min(found, key=lambda known: math.dist(known.person.region[:2], region[:2]))
        self._refused.append(_Refused(self._time, region, anchor.source, anchor.person.region))
        return False

    def _is_found_again(self, rgb: Frame, person: Person) -> bool:
        region = person.region
        windows = [square(region.x, region.y, size * region.side, rgb) for size in _OWN_WINDOWS]
        for window in windows if is_inside(person.keypoints, rgb) else ():
            for detection in self._estimator.detect(rgb, window):
                other = self._estimator.refined_landmarks(rgb, detection.region)
                if (
                    other
                    and other.presence >= MIN_PRESENCE
                    and same_pose(person.keypoints, other.keypoints, strict=True)
                ):
                    return True
        return False

    def _was_refused(self, region: Region, found: list[Candidate]) -> bool:
        """Return whether a detection at this place, or at this place of a person's body, was refused a moment ago."""
        self._refused = [refused for refused in self._refused if self._time - refused.time < _REFUSED_SECONDS]
        regions = {known.source: known.person.region for known in found}
        for refused in self._refused:
            place = refused.region
            if refused.piece in regions:
                now, then = regions[refused.piece], refused.anchor
                scale = now.side / then.side
                x, y = now.x + scale * (place.x - then.x), now.y + scale * (place.y - then.y)
                place = place._replace(x=x, y=y, side=scale * place.side)
            ratio = region.side / place.side
            if math.dist(region[:2], place[:2]) < 0.15 * place.side and 0.7 < ratio < 1.4:
                return True
        return False
