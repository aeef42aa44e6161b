"""Artificial people who stand upright: their joints, their clothes and the pieces of their tracks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.pose import JOINTS, Appearance, Keypoints
from sightline.pose.appearance import appearance_of
from sightline.pose.estimator import Person, Region
from sightline.pose.motion import MotionModel
from sightline.pose.pieces import Piece

Colour = tuple[int, int, int]

RED, GREEN, BLUE, GREY = (190, 40, 40), (40, 150, 60), (40, 60, 190), (120, 120, 120)

_PLACES = {
    "nose": (0, 0.07), "neck": (0, 0.19), "mid_hip": (0, 0.52),
    "shoulder": (0.12, 0.19), "elbow": (0.15, 0.36), "wrist": (0.16, 0.5), "hip": (0.07, 0.52), "knee": (0.07, 0.75),
    "ankle": (0.07, 0.96), "eye": (0.02, 0.06), "ear": (0.045, 0.07), "big_toe": (0.08, 1.0), "small_toe": (0.1, 1.0),
    "heel": (0.07, 0.98),
}  # fmt: skip
"""Distances from the middle and from the top of the head, in heights."""


def figure(x: float, top: float, height: float, confidence: float = 0.9) -> Keypoints:
    """Return the joints of a person who faces the camera; ``x``: the middle, ``top``: of the head, in pixels."""
    points = np.zeros((len(JOINTS), 3), np.float32)
    for index, name in enumerate(JOINTS):
        side = {"right": -1, "left": 1}.get(name.split("_")[0], 0)
        across, down = _PLACES[name.split("_", 1)[1] if side else name]
        points[index] = x + side * across * height, top + down * height, confidence
    return points


def region_of(keypoints: Keypoints) -> Region:
    """Return the region of a figure: its centre is between the hips."""
    x, y = keypoints[JOINTS.index("mid_hip"), :2].tolist()
    return Region(x, y, 1.25 * float(np.ptp(keypoints[:, 1])), 0.0)


def person(x: float = 200, top: float = 40, height: float = 240, presence: float = 0.95) -> Person:
    """Return a person who was found at this place."""
    keypoints = figure(x, top, height)
    return Person(keypoints, region_of(keypoints), presence)


def dressed(shirt: Colour, trousers: Colour = GREY, skin: Colour = (200, 160, 140)) -> NDArray[np.uint8]:
    """Return a picture, shape (300, 200, 3), of ``figure(100, 20, 260)`` in these clothes."""
    picture = np.full((300, 200, 3), 230, np.uint8)
    picture[20:64, 60:140] = skin
    picture[64:155, 40:160] = shirt
    picture[155:] = trousers
    return picture


def look(shirt: Colour, trousers: Colour = GREY) -> Appearance:
    """Return the appearance of a person in these clothes."""
    return appearance_of(dressed(shirt, trousers), figure(100, 20, 260))


def piece(
    number: int,
    first: float,
    last: float,
    *,
    x: float | Sequence[float] = 200,
    appearance: Appearance | None = None,
    frames: int | None = None,
    presence: float = 0.95,
) -> Piece:
    """Return a piece of the track of a person at ``x`` pixels, or who walks from the first to the second of two."""
    begin, end = (x, x) if isinstance(x, int | float) else x
    people = person(begin), person(end)
    count = frames or round(10 * (last - first)) + 1
    return Piece(
        number=number,
        first=first,
        last=last,
        begin=people[0].region,
        end=people[1].region,
        motion=MotionModel(people[1].region, last),
        keypoints=people[1].keypoints,
        appearance=appearance or Appearance.unknown(),
        velocity=((end - begin) / (last - first) if last > first else 0.0, 0.0),
        frames=count,
        presence=count * presence,
        heights=[240.0] * count,
    )
