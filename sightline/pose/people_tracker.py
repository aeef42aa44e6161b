"""Tracking of everyone through a video.

Example::

    with PeopleTracker() as tracker:
        for rgb, time in frames:
            for time, people in tracker.track(rgb, time):
                ...
        rest = tracker.finish()
    people = link_pieces(tracker.pieces)

The landmark model follows every person within their own region, and the detector searches for others several times a
second. All candidates of a frame are assigned to the people who are tracked, by pose, size and appearance. Somebody who
is found late is followed backwards through the last frames. A *piece* is an unbroken stretch of one person's track; it
ends where the person is lost or cannot be told from another. At the end, :mod:`sightline.pose.linking` joins the pieces
of one person.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sightline.pose.appearance import Appearance, appearance_of
from sightline.pose.estimator import Frame, Person, PoseEstimator, check_frame
from sightline.pose.motion import MotionModel
from sightline.pose.pieces import (
    FAR,
    OTHER_CLOTHES,
    SAME_CLOTHES,
    Candidate,
    Piece,
    assignment_cost,
    covered_candidates,
    distinct_people,
    has_similar_size,
)
from sightline.pose.recent import Recent
from sightline.pose.sameness import same_person
from sightline.pose.search import FOLLOW_SECONDS, LOST_SECONDS, MIN_PRESENCE, Search
from sightline.pose.windows import around

__all__ = ["PeopleTracker"]

_LAG_SECONDS = 1.5
"""People who are found are followed backwards for this long."""

_MOST_RECENT = 24
"""Frames. At more than 16 a second people are followed backwards for a shorter time, which bounds the memory."""

_KEEP_SECONDS = 1.0
"""A person who reappears after this time begins a new piece."""

_LONG = 30  # frames
_LOOK_EVERY = 5
"""The colours of a person who is alone are sampled in every fifth frame."""


class PeopleTracker:
    """Tracks everyone through frames at any rate, constant or not.

    Nothing is smoothed: keypoints and confidence are those of the frame. With ``segmentation``, people have masks.
    ``estimator``: the models, by default loaded here. A context manager for one thread; ``close`` frees the models.
    """

    def __init__(self, *, segmentation: bool = False, estimator: PoseEstimator | None = None) -> None:
        self._estimator = estimator or PoseEstimator(segmentation=segmentation)
        self._time = -math.inf
        self._live: dict[int, Piece] = {}
        self._ended: list[Piece] = []
        self._ended_lately: list[Piece] = []
        self._search = Search(self._estimator)
        self._recent: deque[Recent] = deque()
        self._pieces = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()

    @property
    def pieces(self) -> list[Piece]:
        """All pieces so far, by number."""
        return sorted([*self._ended, *self._live.values()], key=lambda piece: piece.number)

    def track(self, rgb: Frame, time: float) -> list[tuple[float, dict[int, Person]]]:
        """Track everyone in this frame; return the frames that are final now, in order: time and people.

        The people are by the number of their piece. A frame is final a second and a half later, because people who are
        found later may be in it. ``rgb`` has shape (height, width, 3), dtype uint8, and is not changed by the caller
        any more. ``time`` is in seconds and must increase from call to call; raises ValueError otherwise.
        """
        check_frame(rgb)
        if not self._time < time < math.inf:
            raise ValueError(f"frame times must increase: {time} s came after {self._time} s")
        self._time = time
        self._end_lost(time)
        found = distinct_people(self._followed(rgb, time), [])
        candidates = self._search.people(rgb, time, found, [*self._live.values(), *self._ended_lately])
        people, born = self._assign(rgb, time, candidates)
        for piece in born:
            self._follow_back(piece, people)
        self._recent.append(Recent.of(rgb, time, people))
        return self._final(time - _LAG_SECONDS)

    @property
    def latest(self) -> dict[int, Person]:
        """The people in the last frame, as far as they have been found by now."""
        return dict(self._recent[-1].people) if self._recent else {}

    def finish(self) -> list[tuple[float, dict[int, Person]]]:
        """Return the last frames, as :meth:`track` does, after the last call of it."""
        return self._final(math.inf)

    def _final(self, until: float) -> list[tuple[float, dict[int, Person]]]:
        final = []
        while self._recent and (self._recent[0].time <= until or len(self._recent) > _MOST_RECENT):
            recent = self._recent.popleft()
            final.append((recent.time, recent.people))
        return final

    def _follow_back(self, piece: Piece, people: Mapping[int, Person]) -> None:
        """Follow a person who has just been found backwards through the recent frames.

        ``people``: those of the current frame. The frames of somebody who looks the same and was lost are not entered:
        it is probably the same person, whose pieces can only be joined if they do not overlap.
        """
        lost = {
            other.number
            for other in (*self._live.values(), *self._ended_lately)
            if other.number not in people and other.appearance.difference(piece.appearance) <= SAME_CLOTHES
        }
        motion, region = MotionModel(piece.begin, -piece.first), piece.begin
        for recent in reversed(self._recent):
            if not lost.isdisjoint(recent.people):
                return
            region = motion.predict(-recent.time)
            person = recent.landmarks(self._estimator, region)
            if (
                person is None
                or person.presence < MIN_PRESENCE
                or math.dist(person.region[:2], region[:2]) > FAR * region.side
                or any(same_person(person, other) for other in recent.people.values())
            ):
                return
            look = recent.appearance_of(person.keypoints)
            if piece.appearance.difference(look) > OTHER_CLOTHES:
                return
            motion.update(person.region, -recent.time)
            recent.people[piece.number] = person
            piece.extend_back(person, recent.time)

    def _followed(self, rgb: Frame, time: float) -> list[Candidate]:
        """Return the people in the predicted regions of those who are tracked.

        Of two regions that show one person, that of the person who has been tracked longer comes first, since it is the
        better one.
        """
        found = []
        alone = len(self._live) == 1
        for piece in self._live.values():
            if time - piece.last > FOLLOW_SECONDS and not alone:
                continue
            region = piece.motion.predict(time)
            person = self._estimator.refined_landmarks(rgb, region)
            source: int | None = piece.number
            if person is None and alone and (nearby := around(region, rgb)):
                person = self._search.nearby(rgb, nearby)
                source = piece.number if person and _may_be(piece, person, rgb, time) else None
            if person is not None:
                found.append((-min(piece.frames, _LONG), -person.presence, Candidate(person, source)))
        return [candidate for *_, candidate in sorted(found, key=lambda entry: entry[:2])]

    def _assign(self, rgb: Frame, time: float, candidates: list[Candidate]) -> tuple[dict[int, Person], list[Piece]]:
        """Assign the candidates to the pieces, and begin new ones; return everyone in the frame, and the new pieces."""
        pieces = list(self._live.values())
        alone = len(pieces) == 1 == len(candidates) and candidates[0].source == pieces[0].number
        if alone and pieces[0].frames % _LOOK_EVERY:
            looks = [Appearance.unknown()]
        else:
            looks = [appearance_of(rgb, candidate.person.keypoints) for candidate in candidates]
        covered = covered_candidates(candidates)
        costs = np.full((len(pieces), len(candidates) + len(pieces)), 1.0)  # the last columns: not seen in this frame
        for row, piece in enumerate(pieces):
            for column, (candidate, look) in enumerate(zip(candidates, looks, strict=True)):
                costs[row, column] = (
                    0 if alone else assignment_cost(piece, candidate, look, time, is_covered=covered[column])
                )
        rows, columns = _cheapest(costs)
        result: dict[int, Person] = {}
        born = []
        assigned = set()
        for row, column in zip(rows, columns, strict=True):
            if column < len(candidates) and costs[row, column] < 1:
                assigned.add(column)
                pieces[row].extend(candidates[column].person, looks[column], time, is_covered=covered[column])
                result[pieces[row].number] = candidates[column].person
        for column, candidate in enumerate(candidates):
            # A region that is searched for a lost person may show a part of another one.
            if column not in assigned and (candidate.source is None or not pieces):
                piece = self._begin(candidate.person, looks[column], time)
                result[piece.number] = candidate.person
                born.append(piece)
        return result, born

    def _begin(self, person: Person, look: Appearance, time: float) -> Piece:
        self._pieces += 1
        piece = Piece.begin_with(self._pieces, person, look, time)
        self._live[piece.number] = piece
        return piece

    def _end_lost(self, time: float) -> None:
        ended = [piece for piece in self._live.values() if time - piece.last > _KEEP_SECONDS]
        for piece in ended:
            del self._live[piece.number]
        self._ended += ended
        self._ended_lately = [piece for piece in (*self._ended_lately, *ended) if time - piece.last < LOST_SECONDS]


def _may_be(piece: Piece, person: Person, rgb: Frame, time: float) -> bool:
    """Return whether somebody who is found near the person of the piece can be the same one, by size and clothes.

    The distance does not count: of a single person who moves fast, the predicted place is far off.
    """
    has_size = has_similar_size(piece, person, time)
    return has_size and not piece.appearance.difference(appearance_of(rgb, person.keypoints)) > OTHER_CLOTHES


def _cheapest(costs: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Return the rows, and the column of each, with the lowest sum of costs."""
    if len(costs) <= 1:  # Importing scipy takes as long as tracking one person for several seconds.
        return list(range(len(costs))), [int(row.argmin()) for row in costs]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return rows.tolist(), columns.tolist()
