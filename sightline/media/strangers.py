"""People whom the tracker does not follow: their bodies over time, from single detections of bodies and faces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.media.faces import NOBODY, FaceSeries, Heads
from sightline.media.history import PersonSample
from sightline.media.people import Outline, PeopleSeries
from sightline.media.silhouette import Silhouette

# Lengths in heights of the head, chin to vertex, which is 0.130 of the stature. Drillis and Contini (1966), as in
# Winter, Biomechanics and Motor Control of Human Movement, figure 4.1: shoulders 0.259 of the stature, chin to
# shoulders 0.052. The arms, and clothes, need half a head more on each side.
_STATURE = 7.7
_HALF_WIDTH = 1.5
_NECK = 0.9
"""From the middle of the head to the shoulders."""
_HEAD_RADIUS = 0.75

_SAME_SECONDS = 2.0
"""A stranger who is found again within this time, near where they were, is the same one."""
_NEAR, _NEAR_PER_SECOND = 0.25, 0.5
"""Distances in sizes of the body."""
_SIZE_RATIO = 2.0
_TAKEN_OVER = 0.5
"""Seconds. From then on, or until then, somebody in a stranger's place is tracked."""

_NOBODY_THERE = Outline(np.zeros((0, 5), np.float32), np.zeros((0, 2), np.float32))
_NO_POINTS = np.zeros((0, 3), np.float32)


class Stranger(NamedTuple):
    """The body of a stranger in a frame. ``head``: its height in pixels.

    ``by_face``: only the face was found, and the body is estimated from it.
    """

    body: Outline
    head: float
    by_face: bool


def strangers_in(heads: Heads) -> list[Stranger]:
    """Return everyone in a frame who is not tracked."""
    # The thickest part of a body that is computed from joints is its head.
    found = [
        Stranger(outline, 2 * float(outline.capsules[:, 4].max(initial=0.0)), by_face=False)
        for outline in heads.strangers
    ]
    if heads.down is not None:
        for box, owner, down in zip(heads.boxes, heads.owners.tolist(), heads.down, strict=True):
            if owner == NOBODY and down.any():
                found.append(Stranger(body_of_face(box, down), float(box[3] - box[1]), by_face=True))
    return found


def body_of_face(box: NDArray[np.float32], down: NDArray[np.float32]) -> Outline:
    """Return the largest extent of the body of a standing adult with this head, with their arms at their sides.

    ``box``: the head with its hair; left, top, right and bottom in pixels. ``down``: the unit vector from the eyes to
    the mouth. A head that is tilted by less than 45 degrees may belong to an upright person.
    """
    head = float(box[3] - box[1])
    centre = (box[:2] + box[2:]) / 2
    x, y = (0.0, 1.0) if down[1] >= math.sqrt(0.5) else (float(down[0]), float(down[1]))
    axis = np.array([x, y], np.float32)
    radius = _HALF_WIDTH * head
    shoulders, soles = centre + (_NECK * head + radius / 2) * axis, centre + ((_STATURE - 0.5) * head - radius) * axis
    return Outline(
        np.array([[*centre, *centre, _HEAD_RADIUS * head], [*shoulders, *soles, radius]], np.float32),
        np.zeros((0, 2), np.float32),
    )


class Strangers(NamedTuple):
    """Strangers who were found more than once, as people of their own series, with the numbers from 1.

    ``appears`` and ``stays``: the numbers of those who may have been in the picture before they were found first, and
    after they were found last, because no tracked person takes their place.
    """

    series: PeopleSeries
    appears: frozenset[int]
    stays: frozenset[int]


@dataclass(eq=False)
class _Sighting:
    """A stranger over time: silhouettes at rising times."""

    samples: list[tuple[float, Silhouette]] = field(default_factory=list)

    def distance(self, time: float, silhouette: Silhouette) -> float:
        """Return how far away the silhouette is, over the limit for one person: above 1, it is somebody else."""
        last, known = self.samples[-1]
        size, other = _size(known), _size(silhouette)
        seconds = time - last
        if not 0 < seconds <= _SAME_SECONDS or not 1 / _SIZE_RATIO < size / other < _SIZE_RATIO:
            return math.inf
        # The top of a body is that of the head, which faces and poses have in common.
        return math.dist(_top(known), _top(silhouette)) / (max(size, other) * (_NEAR + _NEAR_PER_SECOND * seconds))


def link_strangers(faces: FaceSeries, people: PeopleSeries) -> Strangers:
    """Return the strangers of a video, once both series have ended.

    Those who are found only once are left out: most of them are false.
    """
    sightings = [sighting for sighting in _sightings(faces.all()) if len(sighting.samples) > 1]
    series = PeopleSeries([], faces.reach, lambda _: _NOBODY_THERE)
    by_time: dict[float, dict[int, PersonSample]] = {}
    appears, stays = set(), set()
    for number, sighting in enumerate(sightings, 1):
        for time, silhouette in sighting.samples:
            by_time.setdefault(time, {})[number] = PersonSample(_NO_POINTS, silhouette)
        (first, at_first), (last, at_last) = sighting.samples[0], sighting.samples[-1]
        if not _is_tracked(people, at_first, first, first - _TAKEN_OVER):
            appears.add(number)
        if not _is_tracked(people, at_last, last, last + _TAKEN_OVER):
            stays.add(number)
    for time in sorted(by_time):
        series.add(time, by_time[time])
    series.end()
    return Strangers(series, frozenset(appears), frozenset(stays))


def _sightings(samples: list[tuple[float, Heads]]) -> list[_Sighting]:
    """Assign every stranger to the nearest one who was found before, or to a new one."""
    closed: list[_Sighting] = []
    live: list[_Sighting] = []
    for time, heads in samples:
        closed += [one for one in live if time - one.samples[-1][0] > _SAME_SECONDS]
        live = [one for one in live if time - one.samples[-1][0] <= _SAME_SECONDS]
        for stranger in strangers_in(heads):
            silhouette = stranger.body.silhouette()
            if silhouette is None:
                continue
            distance, nearest = min(
                ((one.distance(time, silhouette), one) for one in live),
                key=lambda pair: pair[0],
                default=(math.inf, _Sighting()),
            )
            if distance > 1:
                nearest = _Sighting()
                live.append(nearest)
            nearest.samples.append((time, silhouette))
    return closed + live


def _is_tracked(people: PeopleSeries, silhouette: Silhouette, time: float, until: float) -> bool:
    """Return whether somebody is tracked in the silhouette's place between both times, who is not at ``time``."""
    start, end = min(time, until), max(time, until)
    limit = _NEAR * _size(silhouette)
    for number in people.numbers_around(time, end - start):
        samples = people.samples(number, start, end)
        if samples and all(sampled != time for sampled, _ in samples):
            nearest = min(samples, key=lambda sample: abs(sample[0] - time))[1]
            if nearest.silhouette is not None and math.dist(_top(nearest.silhouette), _top(silhouette)) < limit:
                return True
    return False


def _size(silhouette: Silhouette) -> float:
    left, top, right, bottom = silhouette.box.tolist()
    return float(max(right - left, bottom - top))


def _top(silhouette: Silhouette) -> tuple[float, float]:
    """Return the middle of the upper edge."""
    left, top, right, _ = silhouette.box.tolist()
    return (left + right) / 2, top
