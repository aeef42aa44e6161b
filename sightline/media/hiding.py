"""Hiding of everyone except the patient: whole silhouettes are replaced by one colour.

A colour is chosen, not coarse blocks, because blocks that stand still while a person moves behind them can be inverted
from several frames. Nothing of a hidden pixel is left. Gaps between limbs are closed, so that proportions do not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sightline.media.absence import BRIDGE, HOLD, LEAD, Place, extent, whereabouts
from sightline.media.cover import Cover, fill, hidden_colour
from sightline.media.faces import DOUBTFUL, FaceSeries
from sightline.media.history import PersonSample
from sightline.media.people import Outline, PeopleSeries
from sightline.media.planes import Planes
from sightline.media.silhouette import Mask
from sightline.media.strangers import Strangers, link_strangers, strangers_in

_CANVAS = 400
"""Pixels. Areas are computed on a coarse canvas of at most this length."""

_MARGIN = 0.03
"""In sizes of the person: clothes, hair, and motion that is not uniform between two samples."""

_CLOSED = 0.05
"""In sizes of the person: gaps of up to twice this width are hidden too."""

_FACE_MARGIN, _FACE_SPEED = 0.15, 2.0
"""In sizes of the face, and per second that the detection is away."""

_STRANGER_MARGIN = 0.2
"""In sizes of the head, for the body of a person who is not tracked."""

_BODY_THICKNESS = 1.25
"""Of the body between two samples, which is hidden even where the patient is certain."""

_VISIBLE, _CORE, _STABLE_SECONDS = 0.9, 0.5, 0.5
"""What is shown of the patient while somebody is lost near them: limbs between joints of this confidence, of this share
of the body's thickness, that are there for this long before and after. In ``benchmarks.hiding``, 23 % instead of 46 %
of a patient in front of somebody else are hidden, and no more of the other one is left; at a share of 0.6 it would be.
"""


@dataclass(frozen=True)
class Hiding:
    """Who is hidden. ``patient`` blocks until it is known who the patient is; None hides everyone.

    ``faces`` covers people whom the tracker misses. ``people`` needs its ``outline``.

    Strangers are found by single searches: they are hidden between them, and before and after.

    What belongs to the patient stays visible next to others only where it is certain: see
    :func:`sightline.pose.silhouettes.sample_people`. Wherever an undetected person may be, everything is hidden but the
    middle of the patient's limbs that are visible all the time; wherever a stranger is found, everything.
    """

    people: PeopleSeries
    patient: Callable[[], int | None]
    faces: FaceSeries | None = None

    def hide(self, rgb: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        """Return a copy of the image at ``time`` (seconds), shape (height, width, 3), with everyone else hidden."""
        image = rgb.copy()
        cover = self.cover(time, (rgb.shape[1], rgb.shape[0]))
        for channel in range(3):
            fill(image[..., channel], cover, 1, channel, hidden_colour)
        return image

    def draw(self, planes: Planes, time: float) -> None:
        """Hide everyone else in the frame at ``time`` (seconds), in place."""
        height, width = planes.y.shape
        cover = self.cover(time, (width, height))
        for channel, (plane, scale) in enumerate(((planes.y, 1), (planes.u, 2), (planes.v, 2))):
            fill(plane, cover, scale, channel, lambda number: planes.colour(hidden_colour(number)))

    def cover(self, time: float, size: tuple[int, int]) -> Cover:
        """Return what is hidden at ``time`` in a frame of ``size``, width and height in pixels."""
        patient = self.patient()
        step = 2 * max(1, -(-max(size) // (2 * _CANVAS)))
        shape = -(-size[1] // step), -(-size[0] // step)
        shown = _certain(self._samples(patient, time), shape, step)
        numbers = np.zeros(shape, np.uint8)
        for number in self.people.numbers_around(time, BRIDGE):
            if number != patient:
                found = whereabouts(self.people, number, time, size)
                hidden = _hidden(self.people, found.places, shape, step)
                if found.places and not found.detected:
                    hidden[self._core(patient, time, shape, step) > 0] = 0
                if found.detected:
                    hidden[shown > 0] = 0
                    _outline(self.people, found.places[-1].sample.keypoints).draw(hidden, 1 / step, _BODY_THICKNESS)
                numbers[hidden > 0] = number % 255 + 1
        if self.faces is not None:
            strangers = self._seen_now(patient, time, shape, step) | self._unseen(patient, time, size, step)
            numbers[(strangers > 0) & (numbers == 0)] = 1
        return Cover(numbers, step)

    @property
    def hidden_by_face(self) -> int:
        """The people of whom only a face was found, and whose body was estimated from it: once in every search.

        The series must have ended.
        """
        samples = self.faces.all() if self.faces else []
        return sum(stranger.by_face for _, heads in samples for stranger in strangers_in(heads))

    @cached_property
    def _linked(self) -> Strangers | None:
        return None if self.faces is None else link_strangers(self.faces, self.people)

    def _samples(self, patient: int | None, time: float) -> list[PersonSample]:
        """Return the patient's samples next to ``time``, or the one at it; none if the patient is not detected."""
        if patient is None or patient not in self.people.numbers_around(time, 0):
            return []
        before, after = self.people.around(patient, time)
        if before is not None and before[0] == time:
            return [before[1]]
        if before is None or after is None or self.people.is_gap(after[0] - before[0]):
            return []
        return [before[1], after[1]]

    def _core(self, patient: int | None, time: float, shape: tuple[int, int], step: int) -> Mask:
        """Return the middle of the patient's body where it is visible in all samples of a second: nobody is before it.

        People are mostly lost because the patient hides them.
        """
        samples = self._samples(patient, time)
        if patient is not None and samples:
            around = self.people.samples(patient, time - _STABLE_SECONDS, time + _STABLE_SECONDS)
            samples += [sample for _, sample in around]
        core = np.full(shape, 255 * bool(samples), np.uint8)
        for sample in samples:
            visible, body = sample.keypoints.copy(), np.zeros(shape, np.uint8)
            visible[visible[:, 2] < _VISIBLE] = 0
            _outline(self.people, visible).draw(body, 1 / step, _CORE)
            core &= body & _own(sample, shape, step, alone=True)
        return core

    def _seen_now(self, patient: int | None, time: float, shape: tuple[int, int], step: int) -> Mask:
        """Return heads that are not the patient's, and the bodies of people who are not tracked.

        A doubtful head is hidden too, except where the patient is: it may be a pattern on their clothes or behind them.
        """
        canvas, doubtful = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for sampled, heads in self.faces.near(time) if self.faces else ():
            away = abs(time - sampled)
            for box, owner in zip(heads.boxes, heads.owners.tolist(), strict=True):
                if patient is None or owner != patient:
                    margin = (_FACE_MARGIN + _FACE_SPEED * away) * max(box[2] - box[0], box[3] - box[1])
                    left, top = np.floor((box[:2] - margin) / step).astype(int).clip(0)
                    right, bottom = np.ceil((box[2:] + margin) / step).astype(int).clip(0)
                    (doubtful if owner == DOUBTFUL else canvas)[top:bottom, left:right] = 255
            for stranger in strangers_in(heads):
                body = np.zeros(shape, np.uint8)
                stranger.body.draw(body, 1 / step)
                radius = (_STRANGER_MARGIN + _FACE_SPEED * away) * stranger.head / step
                canvas |= _grown(body, radius + 1, radius)
        if doubtful.any():
            for sample in self._samples(patient, time):
                doubtful[_own(sample, shape, step, alone=True) > 0] = 0
        return canvas | doubtful

    def _unseen(self, patient: int | None, time: float, size: tuple[int, int], step: int) -> Mask:
        """Return where strangers may be at ``time`` who were found repeatedly before, or are later."""
        shape = -(-size[1] // step), -(-size[0] // step)
        canvas = np.zeros(shape, np.uint8)
        if self._linked is not None:
            series, appears, stays = self._linked
            for number in series.numbers_around(time, BRIDGE):
                hold, lead = HOLD * (number in stays), LEAD * (number in appears)
                found = whereabouts(series, number, time, size, hold=hold, lead=lead)
                hidden = _hidden(series, found.places, shape, step)
                if found.places and not found.detected:
                    hidden[self._core(patient, time, shape, step) > 0] = 0
                canvas |= hidden
        return canvas


def _certain(samples: Sequence[PersonSample], shape: tuple[int, int], step: int) -> Mask:
    """Return where the patient is certain in all samples; nowhere if there are none."""
    import cv2

    certain = np.full(shape, 255 * bool(samples), np.uint8)
    for sample in samples:
        certain &= _own(sample, shape, step, alone=False)
    return np.asarray(cv2.erode(certain, np.ones((3, 3), np.uint8), borderValue=(255,)))


def _own(sample: PersonSample, shape: tuple[int, int], step: int, *, alone: bool) -> Mask:
    """Return where a person is certain; ``alone``: everything is if it is not known, because nobody else is near."""
    own, silhouette = np.zeros(shape, np.uint8), sample.silhouette
    if silhouette is not None and silhouette.own is not None:
        silhouette.draw_own(own, 1 / step)
    elif silhouette is not None and alone:
        silhouette.draw(own, 1 / step)
    return own


def _hidden(series: PeopleSeries, places: Sequence[Place], shape: tuple[int, int], step: int) -> Mask:
    """Return the area in which a person at these places is hidden."""
    hidden = np.zeros(shape, np.uint8)
    for radius in sorted({place.radius for place in places}):
        together = [place for place in places if place.radius == radius]
        area = np.zeros(shape, np.uint8)
        for place in together:
            _draw(series, place, area, step)
        person = max(extent(place.sample) for place in together)
        hidden |= _grown(area, (radius + _MARGIN * person) / step + 1, _CLOSED * person / step)
    return hidden


def _draw(series: PeopleSeries, place: Place, canvas: Mask, step: int) -> None:
    keypoints, silhouette = place.sample
    if silhouette is not None:  # which contains the body
        silhouette.moved(place.x, place.y).draw(canvas, 1 / step)
    else:
        moved = keypoints + np.array([place.x, place.y, 0], np.float32)
        _outline(series, moved).draw(canvas, 1 / step)


def _outline(series: PeopleSeries, keypoints: NDArray[np.float32]) -> Outline:
    if series.outline is None:
        raise ValueError("people can be hidden only if their series has an outline")
    return series.outline(keypoints)


def _grown(area: Mask, radius: float, closed: float) -> Mask:
    """Return the area grown by ``radius``, with gaps of up to twice ``closed`` filled, all in pixels of the canvas."""
    import cv2

    grown = np.zeros_like(area)
    x, y, width, height = cv2.boundingRect(area)
    if not width:
        return grown
    reach = math.ceil(radius + closed) + 2
    window = np.s_[max(0, y - reach) : y + height + reach, max(0, x - reach) : x + width + reach]
    distance = cv2.distanceTransform((area[window] == 0).astype(np.uint8), cv2.DIST_L2, 3)
    wide = (distance <= radius + closed).astype(np.uint8)
    inside = cv2.distanceTransform(wide, cv2.DIST_L2, 3)
    grown[window] = ((inside > closed) | (distance <= radius)) * np.uint8(255)
    return grown
