"""A photo's people as the ranking takes them: cropped, judged for sharpness and cut at the hips.

Training, the flow and the service all crop by :class:`Preparer`; there is no other way to do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sightline.pose import JOINTS, SEEN, Box, FoundPerson, PoseEstimator, find_people

__all__ = [
    "DropReason",
    "DroppedPerson",
    "PrepareParameters",
    "Prepared",
    "PreparedPerson",
    "Preparer",
    "prepare_person",
    "sharpness_of",
]

Picture = NDArray[np.uint8]
"""Pixels, RGB: shape (height, width, 3)."""

SHARPNESS_HEIGHT = 256
"""Pixels: a higher crop is made smaller before its sharpness is measured."""

MIN_LOWER_BODY = 24
"""Pixels that a lower body is high at least: fewer show no running style."""

_NOSE = JOINTS.index("nose")
_WRISTS, _HIPS, _KNEES = (
    [JOINTS.index(f"{side}_{joint}") for side in ("right", "left")] for joint in ("wrist", "hip", "knee")
)


class DropReason(StrEnum):
    """Why a person, or a photo, has no lower body to rank."""

    NOBODY_FOUND = "nobody_found"
    """Nobody is seen in the photo."""
    LOW_CONFIDENCE = "low_confidence"
    """It may be a person, with less confidence than is asked for."""
    BLURRED = "blurred"
    """The crop is less sharp than is asked for."""
    HIPS_NOT_SEEN = "hips_not_seen"
    """Neither hip is seen in the photo: there is no telling where the lower body begins."""
    LEGS_NOT_SEEN = "legs_not_seen"
    """Neither knee is seen in the photo, below the hips."""
    TOO_SMALL = "too_small"
    """The lower body has too few pixels to tell a style."""


class PrepareParameters(BaseModel):
    """What a person must come up to. ``blur_threshold``: see :func:`sharpness_of`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0


@dataclass(frozen=True, eq=False)
class DroppedPerson:
    """Whoever cannot be ranked, and why; ``detail`` says it for a person.

    ``box``, ``confidence`` and ``sharpness`` are None as far as they are not known.
    """

    reason: DropReason
    detail: str
    box: Box | None = None
    confidence: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True, eq=False)
class PreparedPerson:
    """A person of a photo, cropped. ``crop``, and its two parts, are uint8, RGB, shape (height, width, 3).

    ``upper_body`` over ``lower_body`` is ``crop``. Where the lower body cannot be told, it is None, ``upper_body`` is
    all of the crop, and ``without_lower_body`` says why.
    """

    crop: Picture
    upper_body: Picture
    lower_body: Picture | None
    box: Box
    confidence: float
    sharpness: float
    arms_above_head: bool
    without_lower_body: DroppedPerson | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo's people, the surest first, and what was dropped: nobody who was seen is in neither."""

    people: tuple[PreparedPerson, ...]
    dropped: tuple[DroppedPerson, ...]


class Preparer:
    """Finds and crops the people of photos, with MediaPipe's models loaded once. Not to be shared between threads.

    A context manager; ``close`` frees the models.
    """

    def __init__(self) -> None:
        self._estimator = PoseEstimator()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._estimator.close()

    def prepare(self, rgb: Picture, parameters: PrepareParameters) -> Prepared:
        """The people of a photo, uint8, RGB, shape (height, width, 3). Raises ValueError for anything else."""
        found = find_people(rgb, self._estimator)
        if not found:
            return Prepared((), (DroppedPerson(DropReason.NOBODY_FOUND, "nobody is seen in the photo"),))
        each = [prepare_person(rgb, person, parameters) for person in found]
        return Prepared(
            tuple(one for one in each if isinstance(one, PreparedPerson)),
            tuple(one for one in each if isinstance(one, DroppedPerson)),
        )


def prepare_person(rgb: Picture, person: FoundPerson, parameters: PrepareParameters) -> PreparedPerson | DroppedPerson:
    """One person who was found in the photo: cropped and cut, or why not."""
    if person.confidence < parameters.min_confidence:
        detail = f"a confidence of {person.confidence:.2f}, where {parameters.min_confidence:g} is asked for"
        return DroppedPerson(DropReason.LOW_CONFIDENCE, detail, person.box, person.confidence)
    left, top, right, bottom = person.box
    crop = np.ascontiguousarray(rgb[top:bottom, left:right])
    sharpness = sharpness_of(crop)

    def dropped(reason: DropReason, detail: str) -> DroppedPerson:
        return DroppedPerson(reason, detail, person.box, person.confidence, sharpness)

    if sharpness < parameters.blur_threshold:
        detail = f"a sharpness of {sharpness:.1f}, where {parameters.blur_threshold:g} is asked for"
        return dropped(DropReason.BLURRED, detail)
    cut = _cut(person)
    missing = dropped(*cut) if isinstance(cut, tuple) else None
    return PreparedPerson(
        crop=crop,
        upper_body=crop if isinstance(cut, tuple) else crop[:cut],
        lower_body=None if isinstance(cut, tuple) else crop[cut:],
        box=person.box,
        confidence=person.confidence,
        sharpness=sharpness,
        arms_above_head=_arms_above_head(person),
        without_lower_body=missing,
    )


def sharpness_of(crop: Picture) -> float:
    """The variance of the Laplacian of the crop's grey values, 0 to 255; of a sharp photo some hundreds and more.

    J. L. Pech-Pacheco et al., Diatom Autofocusing in Brightfield Microscopy: A Comparative Study (2000). A crop higher
    than :data:`SHARPNESS_HEIGHT` pixels is brought to that height first, so that the same person photographed larger
    counts as sharp as before. A smaller one is measured as it is: enlarging would blur it.
    """
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    if height > SHARPNESS_HEIGHT:
        size = (max(1, round(width * SHARPNESS_HEIGHT / height)), SHARPNESS_HEIGHT)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _cut(person: FoundPerson) -> int | tuple[DropReason, str]:
    """The crop's row at which the lower body begins: that of the hips; or why there is none."""
    hips = _seen(person, _HIPS)
    if not len(hips):
        return DropReason.HIPS_NOT_SEEN, "neither hip is seen"
    row = round(float(hips[:, 1].mean()))
    knees = _seen(person, _KNEES)
    if not (knees[:, 1] > row).any():
        return DropReason.LEGS_NOT_SEEN, "neither knee is seen below the hips"
    height = person.box.bottom - row
    if height < MIN_LOWER_BODY:
        return DropReason.TOO_SMALL, f"the lower body is {height} pixels high, where {MIN_LOWER_BODY} are needed"
    return max(row - person.box.top, 1)


def _seen(person: FoundPerson, joints: list[int]) -> NDArray[np.float32]:
    """Of these joints, those that are seen, and within the person's box, which is within the photo."""
    points = person.keypoints[joints]
    left, top, right, bottom = person.box
    x, y, sure = points.T
    seen = (sure >= SEEN) & (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return np.asarray(points[seen])


def _arms_above_head(person: FoundPerson) -> bool:
    """Whether both wrists are seen over the nose; they may reach out of the photo's upper edge."""
    nose, wrists = person.keypoints[_NOSE], person.keypoints[_WRISTS]
    seen = nose[2] >= SEEN and (wrists[:, 2] >= SEEN).all()
    return bool(seen and (wrists[:, 1] < nose[1]).all())
