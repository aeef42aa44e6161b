"""Tracking of everyone through a video.

Example::

    with PeopleTracker() as tracker:
        for rgb, time in frames:
            for time, people in tracker.track(rgb, time):
                ...
        rest = tracker.finish()
    people = link_pieces(tracker.pieces)

The landmark model follows every person within their own region, and the detector searches for others several times a
second. All candidates of a frame are assigned to the people who are tracked, by pose, size and appearance. Somebody who is
found late is followed backwards through the last frames. A *piece* is an unbroken stretch of one person's track; it ends
where the person is lost or cannot be told from another. At the end, :mod:`sightline.pose.linking` joins the pieces of one
person.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sightline.pose.appearance import Appearance, appearance_of
from sightline.pose.estimator import Detection, Frame, Person, PoseEstimator, Region, SearchWindow, check_frame
from sightline.pose.faces import head_box
from sightline.pose.motion import MotionModel
from sightline.pose.recent import Recent
from sightline.pose.scan import Scan, square
from sightline.pose.skeleton import JOINTS, Keypoints
from sightline.pose.windows import around, distinct, full_frame, parts

__all__ = ["PeopleTracker", "Piece"]

_SEARCH_SECONDS = 0.2
"""Interval, in the video's time, of searches for others."""

_EXTRA_SECONDS, _CALM_SECONDS = 0.1, 1.0
"""The interval is shorter by this much for a second after somebody was lost, or something else began to move."""

_LAG_SECONDS = 1.5
"""People who are found are followed backwards for this long."""

_LOST_SECONDS, _LOST_INTERVAL = 10.0, 0.6
"""For this long, and at this interval, people are searched for where they were lost."""

_REFUSED_SECONDS = 3.0
"""A false detection is not examined again for this long."""

_OWN_WINDOWS = (0.9, 1.4)
"""In sides of the region: the windows in one of which a detection has to be found again."""

_SWEEP_SECONDS = 0.5
"""Interval of searches in all large parts while nobody is tracked."""

_LARGE_PART, _SMALL_PART = 0.6, 0.35
"""A part's side over the frame's longer side: people of a tenth and of a sixteenth of it are detected."""

_MIN_PRESENCE = 0.7
"""For people who are found besides others, or in a part: these searches cause more false detections."""

_FOLLOW_SECONDS = 0.35
"""For this long, a lost person is searched for in their predicted region in every frame."""

_KEEP_SECONDS = 1.0
"""A person who reappears after this time begins a new piece."""

_FAR = 0.35
"""A candidate this far from the prediction, in sides of the region, is another person; the limit grows with time."""

_FAR_PER_SECOND = 0.8
_SIZE_RATIO = 1.6
_SAME = 0.15
"""Two candidates whose trunks differ by less, in extents of the trunk, are the same person."""

_SAME_HEAD = 0.5
"""Two heads whose centres differ by less, in sizes of the head, are one head."""

_SAME_SHOULDERS = 0.3
"""In torso lengths: shoulders this close belong to one person."""

_NECK, _MID_HIP = JOINTS.index("neck"), JOINTS.index("mid_hip")
_SAME_BODY = 0.6
_SAME_TRUNK = 0.35
"""In torso lengths: two trunks whose necks and hips differ by less are one trunk."""

_BODY = [JOINTS.index(name) for name in ("nose", "right_shoulder", "left_shoulder", "right_hip", "left_hip")]

_OTHER_CLOTHES = 9.0
"""Appearances that differ by more are those of two people, if both were seen without overlap."""

_UNIT_OF_POSE, _UNIT_OF_APPEARANCE = 0.08, 6.0
_LONG = 30  # frames
_MOST_WEIGHT = 20.0
_LOOK_EVERY = 5
"""The colours of a person who is alone are sampled in every fifth frame."""

_NEAR = 0.5
"""People whose centres are closer, in sides of the region, may cover each other."""


class _Candidate(NamedTuple):
    """A person found in the current frame; ``source`` is the piece whose region was searched, None for a detection."""

    person: Person
    source: int | None


class _Refused(NamedTuple):
    """A false detection at ``time``; ``anchor`` was then the region of the nearest person, whose piece is ``piece``."""

    time: float
    region: Region
    piece: int | None
    anchor: Region


@dataclass(eq=False)
class Piece:
    """An unbroken stretch of one person's track.

    ``first`` and ``last`` are seconds; ``begin`` and ``end`` the regions there. ``velocity`` at the end is in pixels a
    second. ``frames`` counts the frames, ``presence`` is the sum of the landmark model's confidence.
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
    start_velocity: tuple[float, float] = (0.0, 0.0)
    frames: int = 0
    presence: float = 0.0
    heights: list[float] = field(default_factory=list)

    @property
    def mean_presence(self) -> float:
        """The mean confidence of the landmark model."""
        return self.presence / max(self.frames, 1)


class PeopleTracker:
    """Tracks everyone through frames at any rate, constant or not.

    Nothing is smoothed: keypoints and confidence are those of the frame. A context manager for one thread; ``close`` frees
    the models.
    """

    def __init__(self) -> None:
        self._estimator = PoseEstimator()
        self._time = -math.inf
        self._live: dict[int, Piece] = {}
        self._ended: list[Piece] = []
        self._next_search = self._next_sweep = self._moved = self._eventful = -math.inf
        self._turn = 0
        self._recent: deque[Recent] = deque()
        self._searched: dict[int, float] = {}
        self._refused: list[_Refused] = []
        self._scan = Scan((_LARGE_PART, _SMALL_PART))
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

    def track(self, rgb: Frame, time: float) -> list[tuple[float, dict[int, Keypoints]]]:
        """Track everyone in this frame; return the frames that are final now, in order: time and people.

        The people are keypoints, shape (25, 3) each, by the number of their piece. A frame is final a second and a half
        later, because people who are found later may be in it. ``rgb`` has shape (height, width, 3), dtype uint8. ``time``
        is in seconds and must increase from call to call; raises ValueError otherwise.
        """
        check_frame(rgb)
        if not self._time < time < math.inf:
            raise ValueError(f"frame times must increase: {time} s came after {self._time} s")
        self._time = time
        self._end_lost(time)
        # Of two regions that show one person, that of the person who has been tracked longer is the better one.
        followed = sorted(
            self._followed(rgb, time),
            key=lambda candidate: (-min(self._live[candidate.source or 0].frames, _LONG), -candidate.person.presence),
        )
        candidates = _distinct(followed, [])
        search = self._search_for_others if candidates else self._search_everywhere
        candidates = search(rgb, time, candidates)
        people, born = self._assign(rgb, time, candidates)
        for piece in born:
            self._follow_back(piece)
        self._recent.append(Recent.of(rgb, time, people))
        return self._final(time - _LAG_SECONDS)

    def finish(self) -> list[tuple[float, dict[int, Keypoints]]]:
        """Return the last frames, as :meth:`track` does, after the last call of it."""
        return self._final(math.inf)

    def _final(self, until: float) -> list[tuple[float, dict[int, Keypoints]]]:
        final = []
        while self._recent and self._recent[0].time <= until:
            recent = self._recent.popleft()
            final.append((recent.time, recent.people))
        return final

    def _follow_back(self, piece: Piece) -> None:
        """Follow a person who has just been found backwards through the recent frames."""
        motion, region = MotionModel(piece.begin, -piece.first), piece.begin
        for recent in reversed(self._recent):
            region = motion.predict(-recent.time)
            person = recent.landmarks(self._estimator, region)
            if (
                person is None
                or person.presence < _MIN_PRESENCE
                or math.dist(person.region[:2], region[:2]) > _FAR * region.side
                or any(_same_pose(person.keypoints, other) for other in recent.people.values())
            ):
                return
            look = recent.appearance_of(person.keypoints)
            if piece.appearance.difference(look) > _OTHER_CLOTHES:
                return
            motion.update(person.region, -recent.time)
            recent.people[piece.number] = person.keypoints
            piece.first, piece.begin = recent.time, person.region
            piece.frames += 1
            piece.presence += person.presence
            piece.heights.append(_height(person.keypoints))

    def _followed(self, rgb: Frame, time: float) -> list[_Candidate]:
        """Return the people in the predicted regions of those who are tracked."""
        found = []
        alone = len(self._live) == 1
        for piece in self._live.values():
            if time - piece.last > _FOLLOW_SECONDS and not alone and piece.frames:
                continue
            region = piece.motion.predict(time)
            person = self._estimator.refined_landmarks(rgb, region)
            if person is None and alone and (nearby := around(region, rgb)):
                person = self._best(rgb, [nearby])
            if person is not None:
                found.append(_Candidate(person, piece.number))
        return found

    def _search_everywhere(self, rgb: Frame, time: float, found: list[_Candidate]) -> list[_Candidate]:
        """Search the frame, and at intervals its parts: nobody is tracked, so a weak detection is better than none."""
        seen = self._detected(rgb, [full_frame(rgb)], found, 0.0)
        candidates = [person for place, person in enumerate(seen) if not place or person.person.presence >= _MIN_PRESENCE]
        first = self._next_search == -math.inf
        self._next_search = time + _SEARCH_SECONDS
        lost_now = any(time - piece.last < _FOLLOW_SECONDS for piece in self._live.values())
        if first or (not candidates and (lost_now or time >= self._next_sweep)):
            self._next_sweep = time + _SWEEP_SECONDS
            shares = (_LARGE_PART, _SMALL_PART) if first else (_LARGE_PART,)
            windows = [part for share in shares for part in parts(rgb, share)]
            candidates = self._detected(rgb, windows, candidates, _MIN_PRESENCE)
        return candidates

    def _search_for_others(self, rgb: Frame, time: float, found: list[_Candidate]) -> list[_Candidate]:
        """Search, at intervals and in turns, the full frame, what moves, where somebody was lost, and a part of the frame.

        There are more searches while something moves that is nobody who is known, and after somebody was lost.
        """
        self._scan.look(rgb, [_box(candidate.person.keypoints) for candidate in found])
        lost, motion = self._lost_place(rgb, time, found), self._scan.motion(rgb)
        self._eventful = time if lost or (motion and time - self._moved > _CALM_SECONDS) else self._eventful
        self._moved = time if motion else self._moved
        if time < self._next_search - (_EXTRA_SECONDS if time - self._eventful < _CALM_SECONDS else 0) - 1e-3:
            return found
        self._next_search = time + _SEARCH_SECONDS
        self._turn += 1
        if self._turn % 3 == 0:
            window = full_frame(rgb)
        elif self._turn % 3 == 1:
            window = motion or lost or self._scan.next_part(rgb)
        else:
            window = lost or self._scan.next_part(rgb)
        return self._detected(rgb, [window], found, _MIN_PRESENCE)

    def _lost_place(self, rgb: Frame, time: float, found: list[_Candidate]) -> SearchWindow | None:
        """Return the surroundings of the place where somebody was lost in the middle of the frame, at intervals."""
        sources = {candidate.source for candidate in found}
        lost = [piece for piece in self._live.values() if piece.number not in sources and time - piece.last > _FOLLOW_SECONDS]
        lost += [piece for piece in self._ended if time - piece.last < _LOST_SECONDS]
        for piece in lost:
            region = piece.end
            inside = 0 < region.x < rgb.shape[1] and 0 < region.y < rgb.shape[0]
            if inside and time >= self._searched.get(piece.number, -math.inf) + _LOST_INTERVAL:
                self._searched[piece.number] = time
                return square(region.x, region.y, 1.6 * region.side, rgb)
        return None

    def _detected(
        self, rgb: Frame, windows: list[SearchWindow], found: list[_Candidate], min_presence: float
    ) -> list[_Candidate]:
        """Return ``found`` and the other people that the detector finds in the windows."""
        detections = (detection for window in windows for detection in self._estimator.detect(rgb, window))
        strangers = [
            detection.region
            for detection in detections
            if not any(_shows(detection, known.person) for known in found)
            and not self._was_refused(detection.region, found)
        ]
        people = [
            _Candidate(person, None)
            for region in distinct(strangers)
            if (person := self._estimator.refined_landmarks(rgb, region)) and person.presence >= min_presence
        ]
        seen = _distinct(people, found)
        return found + [candidate for candidate in seen[len(found) :] if not found or self._is_confirmed(rgb, candidate.person, found)]

    def _is_confirmed(self, rgb: Frame, person: Person, found: list[_Candidate]) -> bool:
        """Return whether the same person is found in a window of their own.

        Clothes, shadows and parts of two people who overlap can look like a person in one window, but not in the next.
        """
        region = person.region
        windows = [square(region.x, region.y, size * region.side, rgb) for size in _OWN_WINDOWS]
        for window in windows if _is_inside(person.keypoints, rgb) else ():
            for detection in self._estimator.detect(rgb, window):
                other = self._estimator.refined_landmarks(rgb, detection.region)
                if other and other.presence >= _MIN_PRESENCE and _same_pose(person.keypoints, other.keypoints, strict=True):
                    return True
        anchor = min(found, key=lambda known: math.dist(known.person.region[:2], region[:2]))
        self._refused.append(_Refused(self._time, region, anchor.source, anchor.person.region))
        return False

    def _was_refused(self, region: Region, found: list[_Candidate]) -> bool:
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

    def _best(self, rgb: Frame, windows: list[SearchWindow]) -> Person | None:
        for window in windows:
            for detection in self._estimator.detect(rgb, window)[:1]:
                if person := self._estimator.refined_landmarks(rgb, detection.region):
                    return person
        return None

    def _assign(
        self, rgb: Frame, time: float, candidates: list[_Candidate]
    ) -> tuple[dict[int, Keypoints], list[Piece]]:
        """Assign the candidates to the pieces and begin new ones for the others; return everyone, and the new pieces."""
        from scipy.optimize import linear_sum_assignment

        pieces = list(self._live.values())
        alone = len(pieces) == 1 == len(candidates) and candidates[0].source == pieces[0].number
        if alone and pieces[0].frames % _LOOK_EVERY:
            looks = [Appearance.unknown()]
        else:
            looks = [appearance_of(rgb, candidate.person.keypoints) for candidate in candidates]
        covered = _covered(candidates)
        costs = np.full((len(pieces), len(candidates) + len(pieces)), 1.0)  # the last columns: not seen in this frame
        for row, piece in enumerate(pieces):
            for column, (candidate, look) in enumerate(zip(candidates, looks, strict=True)):
                costs[row, column] = 0 if alone else _cost(piece, candidate, look, time, is_covered=covered[column])
        rows, columns = linear_sum_assignment(costs)
        result: dict[int, Keypoints] = {}
        born = []
        assigned = set()
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if column < len(candidates) and costs[row, column] < 1:
                assigned.add(column)
                self._extend(pieces[row], candidates[column].person, looks[column], time, is_covered=covered[column])
                result[pieces[row].number] = candidates[column].person.keypoints
        for column, candidate in enumerate(candidates):
            # A region that is searched for a lost person may show a part of another one.
            if column not in assigned and (candidate.source is None or not pieces):
                piece = self._begin(candidate.person, looks[column], time)
                result[piece.number] = candidate.person.keypoints
                born.append(piece)
        return result, born

    def _begin(self, person: Person, look: Appearance, time: float) -> Piece:
        self._pieces += 1
        piece = Piece(
            number=self._pieces,
            first=time,
            last=time,
            begin=person.region,
            end=person.region,
            motion=MotionModel(person.region, time),
            keypoints=person.keypoints,
            appearance=look,
            frames=1,
            presence=person.presence,
            heights=[_height(person.keypoints)],
        )
        self._live[piece.number] = piece
        return piece

    def _extend(self, piece: Piece, person: Person, look: Appearance, time: float, *, is_covered: bool) -> None:
        elapsed = time - piece.last
        velocity = ((person.region.x - piece.end.x) / elapsed, (person.region.y - piece.end.y) / elapsed)
        share = 1 - math.exp(-elapsed / 0.3)
        x, y = piece.velocity
        piece.velocity = (x + share * (velocity[0] - x), y + share * (velocity[1] - y))
        if time - piece.first < 0.5:
            piece.start_velocity = piece.velocity
        piece.motion.update(person.region, time)
        piece.last, piece.end, piece.keypoints = time, person.region, person.keypoints
        piece.frames += 1
        piece.presence += person.presence
        piece.heights.append(_height(person.keypoints))
        if not is_covered:
            piece.appearance = piece.appearance.merged(look, _MOST_WEIGHT)

    def _end_lost(self, time: float) -> None:
        for number, piece in list(self._live.items()):
            if time - piece.last > _KEEP_SECONDS:
                self._ended.append(self._live.pop(number))


def _cost(piece: Piece, candidate: _Candidate, look: Appearance, time: float, *, is_covered: bool) -> float:
    """Return the cost, 0 to 1, of taking the candidate for the person of the piece; 1 or more is impossible."""
    region, predicted = candidate.person.region, piece.motion.predict(time)
    elapsed = time - piece.last
    side = max(region.side, predicted.side)
    distance = math.dist(region[:2], predicted[:2]) / side
    ratio = region.side / predicted.side
    if distance > _FAR + _FAR_PER_SECOND * elapsed or not 1 / _SIZE_RATIO < ratio < _SIZE_RATIO:
        return math.inf
    moved = np.array([predicted.x - piece.end.x, predicted.y - piece.end.y], np.float32)
    pose = _distance(piece.keypoints[:, :2] + moved, candidate.person.keypoints[:, :2], piece.keypoints, side)
    difference = piece.appearance.difference(look)
    if not is_covered and difference > _OTHER_CLOTHES + _OTHER_CLOTHES * min(1.0, elapsed):
        return math.inf
    clothes = 0.0 if math.isnan(difference) else difference / _UNIT_OF_APPEARANCE
    # After a second, a position says less than clothes do.
    trust = 1 / (1 + 2 * elapsed)
    cost = (trust * pose / _UNIT_OF_POSE + 0.7 * clothes + abs(math.log(ratio))) / 10
    return min(cost, 0.99)


def _distance(
    points: NDArray[np.float32], others: NDArray[np.float32], keypoints: Keypoints, side: float
) -> float:
    known = keypoints[:, 2] > 0
    return float(np.median(np.hypot(*(points[known] - others[known]).T)) / side) if known.any() else 0.0


def _distinct(candidates: list[_Candidate], found: list[_Candidate]) -> list[_Candidate]:
    """Return ``found`` and the candidates that show nobody of them, and nobody twice; earlier ones take precedence."""
    people = list(found)
    for candidate in candidates:
        if not any(_same(candidate.person, other.person) for other in people):
            people.append(candidate)
    return people


def _shows(detection: Detection, person: Person) -> bool:
    """Return whether the detection shows a person who has been found: their shoulders are at the same place."""
    neck, hips = person.keypoints[_NECK, :2], person.keypoints[_MID_HIP, :2]
    return math.dist(detection.shoulders, neck) < _SAME_SHOULDERS * math.dist(neck, hips)


def _same(one: Person, other: Person) -> bool:
    """Return whether both are one person."""
    return _same_pose(one.keypoints, other.keypoints)


def _same_pose(one: Keypoints, other: Keypoints, *, strict: bool = False) -> bool:
    """Return whether both are one person: the same head, or about the same body; both if it is ``strict``.

    The landmark model guesses the joints outside the frame, so two regions around one person can give different bodies.
    """
    heads = head_box(one), head_box(other)
    same_head = False
    if heads[0] is not None and heads[1] is not None:
        centres = [(head[:2] + head[2:]) / 2 for head in heads if head is not None]
        sizes = [float(head[2] - head[0]) for head in heads if head is not None]
        same_head = math.dist(*centres) < _SAME_HEAD * max(sizes)
        if same_head and not strict:
            return True
    extent = max(float(np.ptp(points[_BODY, :2], axis=0).max()) for points in (one, other))
    distances = np.hypot(*(one[_BODY, :2] - other[_BODY, :2]).T)
    torso = max(math.dist(points[_NECK, :2], points[_MID_HIP, :2]) for points in (one, other))
    ends = max(math.dist(one[joint, :2], other[joint, :2]) for joint in (_NECK, _MID_HIP))
    same_body = np.median(distances) < _SAME * extent or _overlap(one, other) > _SAME_BODY or ends < _SAME_TRUNK * torso
    return bool(same_head and same_body) if strict else bool(same_body)


def _box(keypoints: Keypoints) -> NDArray[np.float64]:
    """Return left, top, right, bottom around the visible joints and the head, with a margin."""
    seen = keypoints[:, 2] >= 0.5
    points = keypoints[seen if seen.any() else keypoints[:, 2] >= 0, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    if (head := head_box(keypoints)) is not None:
        low, high = np.minimum(low, head[:2]), np.maximum(high, head[2:])
    margin = 0.08 * float((high - low).max())
    return np.concatenate([low - margin, high + margin])


def _is_inside(keypoints: Keypoints, rgb: Frame) -> bool:
    """Return whether the head or both shoulders are within the frame."""
    height, width = rgb.shape[:2]
    x, y = keypoints[_BODY[:3], 0], keypoints[_BODY[:3], 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return bool(inside[0] or inside[1:].all())


def _overlap(one: Keypoints, other: Keypoints) -> float:
    """Return the intersection over union of the boxes around head and shoulders and hips."""
    boxes = [(points[_BODY, :2].min(axis=0), points[_BODY, :2].max(axis=0)) for points in (one, other)]
    (low, high), (other_low, other_high) = boxes
    shared = np.prod(np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0))
    union = np.prod(high - low) + np.prod(other_high - other_low) - shared
    return float(shared / union) if union > 0 else 0.0


def _covered(candidates: list[_Candidate]) -> list[bool]:
    """Return for each candidate whether another one is so close that their colours may be mixed."""
    regions = [candidate.person.region for candidate in candidates]
    return [
        any(
            math.dist(region[:2], other[:2]) < _NEAR * max(region.side, other.side) * 0.6
            for place, other in enumerate(regions)
            if place != index
        )
        for index, region in enumerate(regions)
    ]


def _height(keypoints: Keypoints) -> float:
    """Return the vertical extent of the joints in pixels."""
    known = keypoints[:, 2] > 0
    return float(np.ptp(keypoints[known, 1])) if known.any() else 0.0
