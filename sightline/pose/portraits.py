"""A picture of each person of a video, for the question who the patient is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.pose.body import head_box
from sightline.pose.estimator import Frame, Person

__all__ = ["Portraits"]

_BETTER = 1.15
"""A picture is replaced by one that is this many times as good."""

_HEIGHT = 360
"""Pixels. Larger pictures are reduced."""

_MARGIN = 0.1


class Portraits:
    """The best picture of each tracked person so far: large, certain, and without others in it."""

    def __init__(self) -> None:
        self._best: dict[int, tuple[float, NDArray[np.uint8]]] = {}

    def look(self, rgb: Frame, people: Mapping[int, Person]) -> None:
        """Consider the people in a frame, by number."""
        boxes = {number: box for number, person in people.items() if (box := _box(person, rgb)) is not None}
        for number, box in boxes.items():
            others = [other for key, other in boxes.items() if key != number]
            value = (
                people[number].presence
                * np.sqrt(_area(box))
                * (0.4 if any(_meet(box, other) for other in others) else 1)
            )
            if value > _BETTER * self._best.get(number, (0.0,))[0]:
                self._best[number] = float(value), _cut(rgb, box)

    def write(self, people: Mapping[int, Iterable[int]], folder: Path) -> dict[int, Path]:
        """Write ``person_N.jpg`` for each person, from the numbers under which they were tracked; return the files."""
        from PIL import Image

        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for person, numbers in people.items():
            pictures = [self._best[number] for number in numbers if number in self._best]
            if pictures:
                files[person] = folder / f"person_{person}.jpg"
                Image.fromarray(max(pictures, key=lambda picture: picture[0])[1]).save(files[person], quality=90)
        return files


def _box(person: Person, rgb: Frame) -> tuple[int, int, int, int] | None:
    keypoints = person.keypoints
    seen = keypoints[:, 2] >= 0.5
    if not seen.any():
        return None
    low, high = keypoints[seen, :2].min(axis=0), keypoints[seen, :2].max(axis=0)
    if (head := head_box(keypoints)) is not None:
        low, high = np.minimum(low, head[:2]), np.maximum(high, head[2:])
    margin = _MARGIN * float((high - low).max())
    height, width = rgb.shape[:2]
    left, top = np.clip(low - margin, 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(high + margin, 0, (width, height)).astype(int).tolist()
    return (left, top, right, bottom) if right - left > 8 and bottom - top > 8 else None


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return all(max(one[axis], other[axis]) < min(one[axis + 2], other[axis + 2]) for axis in (0, 1))


def _cut(rgb: Frame, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    import cv2

    left, top, right, bottom = box
    picture = rgb[top:bottom, left:right]
    if picture.shape[0] > _HEIGHT:
        width = max(1, round(picture.shape[1] * _HEIGHT / picture.shape[0]))
        picture = np.asarray(cv2.resize(picture, (width, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return picture.copy()
