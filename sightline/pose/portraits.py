"""A picture of each person of a video, for the question who the patient is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from sightline.pose.estimator import Frame, Person
from sightline.pose.sameness import visible_box
from sightline.pose.skeleton import SEEN

__all__ = ["Portraits"]

_BETTER = 1.15
"""A picture is replaced by one that is this many times as good."""

_HEIGHT = 360
"""Pixels. Larger pictures are reduced."""

_MARGIN = 0.1


class Portraits:
    """The best picture of each tracked person so far: large, certain, and without others in it."""

    def __init__(self) -> None:
        # As JPEG: a busy video has hundreds of tracked people.
        self._best: dict[int, tuple[float, bytes]] = {}

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
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for person, numbers in people.items():
            pictures = [self._best[number] for number in numbers if number in self._best]
            if pictures:
                files[person] = folder / f"person_{person}.jpg"
                files[person].write_bytes(max(pictures, key=lambda picture: picture[0])[1])
        return files


def _box(person: Person, rgb: Frame) -> tuple[int, int, int, int] | None:
    if person.keypoints[:, 2].max() < SEEN:
        return None
    height, width = rgb.shape[:2]
    box = np.clip(visible_box(person.keypoints, _MARGIN), 0, (width, height, width, height))
    left, top, right, bottom = box.astype(int).tolist()
    return (left, top, right, bottom) if right - left > 8 and bottom - top > 8 else None


def _area(box: tuple[int, int, int, int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return all(max(one[axis], other[axis]) < min(one[axis + 2], other[axis + 2]) for axis in (0, 1))


def _cut(rgb: Frame, box: tuple[int, int, int, int]) -> bytes:
    """Return the part of the frame as JPEG."""
    import cv2
    from PIL import Image

    left, top, right, bottom = box
    picture = rgb[top:bottom, left:right]
    if picture.shape[0] > _HEIGHT:
        width = max(1, round(picture.shape[1] * _HEIGHT / picture.shape[0]))
        picture = np.asarray(cv2.resize(picture, (width, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(picture).save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()
