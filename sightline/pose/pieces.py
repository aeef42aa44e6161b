"""Pieces of tracks, and how well a person who is found in a frame continues one."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.pose.appearance import Appearance
from sightline.pose.estimator import Person, Region
from sightline.pose.motion import MotionModel
from sightline.pose.sameness import same_person
from sightline.pose.skeleton import Keypoints

__all__ = [
    "FAR",
    "OTHER_CLOTHES",
    "SAME_CLOTHES",
    "Candidate",
    "Piece",
    "assignment_cost",
    "covered_candidates",
    "distinct_people",
    "has_similar_size",
]

FAR = 0.35
"""A candidate this far from the prediction, in sides of the region, is another person; the limit grows with time."""

OTHER_CLOTHES = 9.0
"""Appearances that differ by more are those of two people, if both were seen without overlap."""

SAME_CLOTHES = 6.5
"""Appearances that differ by less may be one person's, long after they were last seen."""

_FAR_PER_SECOND = 0.8
_SIZE_RATIO = 1.6
_UNIT_OF_POSE, _UNIT_OF_APPEARANCE = 0.08, 6.0
_MOST_WEIGHT = 20.0
_NEAR = 0.3
"""People whose centres are closer, in sides of the region, may cover each other."""


class Candidate(NamedTuple):
    """A person found in the current frame; ``source`` is the piece whose region was searched, None for a detection."""

    person: Person
    source: int | None


@dataclass(eq=False)
class Piece:
    """An unbroken stretch of one person's track.

    ``first`` and ``last`` are seconds; ``begin`` and ``end`` the regions there. ``velocity`` at the end is in pixels a
    second. ``frames`` counts the frames, ``presence`` is the sum of the landmark model's confidence. Of the times when
    it was ``examined`` whether this is a person, it was ``confirmed`` in some.
    """

    number: int
    first: float
    last: float
    begin: Region
    end: Region
    motion: MotionModel
    keypoints: Keypoints
    appearance: Appearance = field(default_factory=Appearance.unknown)
    velocity: tuple[float, float] = (0.0, 0.0)
    frames: int = 0
    presence: float = 0.0
    examined: int = 0
    confirmed: int = 0
    heights: array[float] = field(default_factory=lambda: array("d"))

    @property
    def mean_presence(self) -> float:
        """The mean confidence of the landmark model."""
        return self.presence / max(self.frames, 1)

    @classmethod
    def begin_with(cls, number: int, person: Person, look: Appearance, time: float) -> Piece:
        """Return a new piece that begins with a person at ``time``."""
        return cls(
            number=number,
            first=time,
            last=time,
            begin=person.region,
            end=person.region,
            motion=MotionModel(person.region, time),
            keypoints=person.keypoints,
            appearance=look,
            frames=1,
            presence=person.presence,
            heights=array("d", [_height_of(person)]),
        )

    def extend(self, person: Person, look: Appearance, time: float, *, is_covered: bool) -> None:
        """Add the person at a later time. ``is_covered``: their colours may be mixed with somebody else's."""
        elapsed = time - self.last
        velocity = ((person.region.x - self.end.x) / elapsed, (person.region.y - self.end.y) / elapsed)
        share = 1 - math.exp(-elapsed / 0.3)
        x, y = self.velocity
        self.velocity = (x + share * (velocity[0] - x), y + share * (velocity[1] - y))
        self.motion.update(person.region, time)
        self.last, self.end, self.keypoints = time, person.region, person.keypoints
        self._count(person)
        if not is_covered:
            self.appearance = self.appearance.merged(look, _MOST_WEIGHT)

    def extend_back(self, person: Person, time: float) -> None:
        """Add the person at an earlier time."""
        self.first, self.begin = time, person.region
        self._count(person)

    def _count(self, person: Person) -> None:
        self.frames += 1
        self.presence += person.presence
        self.heights.append(_height_of(person))


def assignment_cost(piece: Piece, candidate: Candidate, look: Appearance, time: float, *, is_covered: bool) -> float:
    """Return the cost, 0 to 1, of taking the candidate for the person of the piece; 1 or more is impossible."""
    region, predicted = candidate.person.region, piece.motion.predict(time)
    elapsed = time - piece.last
    side = max(region.side, predicted.side)
    distance = math.dist(region[:2], predicted[:2]) / side
    ratio = region.side / predicted.side
    if distance > FAR + _FAR_PER_SECOND * elapsed or not has_similar_size(piece, candidate.person, time):
        return math.inf
    moved = np.array([predicted.x - piece.end.x, predicted.y - piece.end.y], np.float32)
    pose = _distance(piece.keypoints[:, :2] + moved, candidate.person.keypoints[:, :2], piece.keypoints, side)
    difference = piece.appearance.difference(look)
    if not is_covered and difference > OTHER_CLOTHES:
        return math.inf
    clothes = 0.0 if math.isnan(difference) else difference / _UNIT_OF_APPEARANCE
    # After a second, a position says less than clothes do.
    trust = 1 / (1 + 2 * elapsed)
    cost = (trust * pose / _UNIT_OF_POSE + 0.7 * clothes + abs(math.log(ratio))) / 10
    return min(cost, 0.99)


def has_similar_size(piece: Piece, person: Person, time: float) -> bool:
    """Return whether the person is about as large as that of the piece is expected to be."""
    return 1 / _SIZE_RATIO < person.region.side / piece.motion.predict(time).side < _SIZE_RATIO


def _distance(points: NDArray[np.float32], others: NDArray[np.float32], keypoints: Keypoints, side: float) -> float:
    known = keypoints[:, 2] > 0
    return float(np.median(np.hypot(*(points[known] - others[known]).T)) / side) if known.any() else 0.0


def distinct_people(candidates: list[Candidate], found: list[Candidate]) -> list[Candidate]:
    """Return ``found`` and the candidates that show nobody of them, and nobody twice; earlier ones take precedence."""
    people = list(found)
    for candidate in candidates:
        if not any(same_person(candidate.person, other.person) for other in people):
            people.append(candidate)
    return people


def covered_candidates(candidates: list[Candidate]) -> list[bool]:
    """Return for each candidate whether another one is so close that their colours may be mixed."""
    regions = [candidate.person.region for candidate in candidates]
    return [
        any(
            math.dist(region[:2], other[:2]) < _NEAR * max(region.side, other.side)
            for place, other in enumerate(regions)
            if place != index
        )
        for index, region in enumerate(regions)
    ]


def _height_of(person: Person) -> float:
    """Return the extent of the joints in pixels: the vertical one of a person who stands, the other one in bed."""
    keypoints = person.keypoints
    known = keypoints[:, 2] > 0
    return float(np.ptp(keypoints[known, :2], axis=0).max()) if known.any() else 0.0
