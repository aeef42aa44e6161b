"""What each person in a frame covers: the landmark model's mask, and the body computed from the joints.

The mask follows clothes and hair, but contains people next to the person as well. The body follows the joints: it
contains limbs that the mask misses, and it separates people.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sightline.media import PersonSample, Silhouette
from sightline.pose.body import body_outline
from sightline.pose.estimator import Person

_MASKED = 0.2
"""Pixels of at least this value are covered. Values between 0.2 and 0.8 are rare: the mask's edges are sharp."""

_CERTAIN_MASK = 0.8
_OTHERS_REACH = 1.5
"""A pixel is certainly a person's if it is outside the bodies of all others, this many times as thick."""

_NEAR = 0.3
"""People whose boxes, larger by this share of their size on all sides, do not touch cannot be confused."""


def sample_people(people: Mapping[int, Person], size: tuple[int, int]) -> dict[int, PersonSample]:
    """Return joints and silhouettes of the people in a frame of this height and width, by number.

    A silhouette contains the person's mask and body. Its ``own`` part, which may be shown although other people are
    hidden, is where the person's mask is certain, inside their body if others' masks claim it, and outside the bodies
    of all others. It is unknown for a person without a mask.
    """
    covers = {number: _cover(person, size) for number, person in people.items()}
    boxes = {number: _reach(cover) for number, cover in covers.items()}
    samples = {}
    for number, person in people.items():
        near = [other for other in people if other != number and _touch(boxes[number], boxes[other])]
        own = _own(person, [(people[other], covers[other]) for other in near], size) if near else None
        samples[number] = PersonSample(person.keypoints, Silhouette.from_mask(covers[number], own=own))
    return samples


def _cover(person: Person, size: tuple[int, int]) -> NDArray[np.uint8]:
    cover = np.zeros(size, np.uint8)
    if person.mask is not None:
        left, top, width, height = person.mask.window
        cover[top : top + height, left : left + width] = person.mask.values >= _MASKED
    body_outline(person.keypoints).draw(cover, 1)
    return cover


def _own(
    person: Person, others: list[tuple[Person, NDArray[np.uint8]]], size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    if person.mask is None:
        return None
    left, top, width, height = person.mask.window
    window = np.s_[top : top + height, left : left + width]
    own, body = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    own[window] = person.mask.values >= _CERTAIN_MASK
    outline = body_outline(person.keypoints)
    outline.draw(body, 1)
    for other, cover in others:
        # Where both masks claim a pixel, only the joints tell whose it is.
        own[(cover > 0) & (body == 0)] = 0
        bodies = np.zeros(size, np.uint8)
        body_outline(other.keypoints).draw(bodies, 1, _OTHERS_REACH)
        own[bodies > 0] = 0
    return own


def _reach(cover: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    import cv2

    x, y, width, height = cv2.boundingRect(cover)
    margin = _NEAR * max(width, height)
    return x - margin, y - margin, x + width + margin, y + height + margin


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(max(one[axis], other[axis]) <= min(one[axis + 2], other[axis + 2]) for axis in (0, 1))
