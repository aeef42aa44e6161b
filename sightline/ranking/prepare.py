"""Preparation of a photo's people: cropping, a check of their sharpness, and a cut at the hips.

Training, the flow and the service all crop with :class:`Preparer`.
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

Image = NDArray[np.uint8]
"""Pixels, RGB: shape (height, width, 3)."""

SHARPNESS_HEIGHT = 256
"""Pixels. A higher crop is scaled down before its sharpness is measured."""

MIN_LOWER_BODY = 24
"""Pixels. The minimum height of a lower body: a smaller one shows no running style."""

_NOSE = JOINTS.index("nose")
_WRISTS, _HIPS, _KNEES = (
    [JOINTS.index(f"{side}_{joint}") for side in ("right", "left")] for joint in ("wrist", "hip", "knee")
)


class DropReason(StrEnum):
    """Why a person, or a photo, has no lower body to rank."""

    NOBODY_FOUND = "nobody_found"
    """No person is visible in the photo."""
    LOW_CONFIDENCE = "low_confidence"
    """The detection has less than the minimum confidence: it may not be a person."""
    BLURRED = "blurred"
    """The crop is less sharp than the minimum."""
    HIPS_NOT_SEEN = "hips_not_seen"
    """Neither hip is visible, so the start of the lower body is unknown."""
    LEGS_NOT_SEEN = "legs_not_seen"
    """Neither knee is visible below the hips."""
    TOO_SMALL = "too_small"
    """The lower body has too few pixels to show a style."""


class PrepareParameters(BaseModel):
    """The requirements for a person. ``blur_threshold``: the minimum sharpness, see :func:`sharpness_of`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0


@dataclass(frozen=True, eq=False)
class DroppedPerson:
    """A person who cannot be ranked, and the reason; ``detail`` describes it in words.

    ``box``, ``confidence`` and ``sharpness`` are None if they are unknown.
    """

    reason: DropReason
    detail: str
    box: Box | None = None
    confidence: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True, eq=False)
class PreparedPerson:
    """A person of a photo, cropped. ``crop``, and its two parts, are uint8, RGB, shape (height, width, 3).

    ``upper_body`` above ``lower_body`` is ``crop``. If the lower body cannot be determined, it is None, ``upper_body``
    is the complete crop, and ``without_lower_body`` has the reason.
    """

    crop: Image
    upper_body: Image
    lower_body: Image | None
    box: Box
    confidence: float
    sharpness: float
    arms_above_head: bool
    without_lower_body: DroppedPerson | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """The people in a photo, highest confidence first: ``people`` are cropped, the others are in ``dropped``.

    If the photo shows nobody, ``dropped`` has one entry for the photo, without a box.
    """

    people: tuple[PreparedPerson, ...]
    dropped: tuple[DroppedPerson, ...]


class Preparer:
    """Finds and crops the people in photos, with MediaPipe's models loaded once. Not to be shared between threads.

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

    def prepare(self, rgb: Image, parameters: PrepareParameters) -> Prepared:
        """Return the people in a photo, uint8, RGB, shape (height, width, 3). Raises ValueError for anything else."""
        detections = find_people(rgb, self._estimator)
        if not detections:
            return Prepared((), (DroppedPerson(DropReason.NOBODY_FOUND, "no person is visible in the photo"),))
        people = [prepare_person(rgb, person, parameters) for person in detections]
        return Prepared(
            tuple(person for person in people if isinstance(person, PreparedPerson)),
            tuple(person for person in people if isinstance(person, DroppedPerson)),
        )


def prepare_person(rgb: Image, person: FoundPerson, parameters: PrepareParameters) -> PreparedPerson | DroppedPerson:
    """Crop and cut one person who was found in the photo, or return the reason why that is not possible."""
    if person.confidence < parameters.min_confidence:
        detail = f"a confidence of {person.confidence:.2f}; at least {parameters.min_confidence:g} is needed"
        return DroppedPerson(DropReason.LOW_CONFIDENCE, detail, person.box, person.confidence)
    left, top, right, bottom = person.box
    crop = np.ascontiguousarray(rgb[top:bottom, left:right])
    sharpness = sharpness_of(crop)

    def dropped(reason: DropReason, detail: str) -> DroppedPerson:
        return DroppedPerson(reason, detail, person.box, person.confidence, sharpness)

    if sharpness < parameters.blur_threshold:
        detail = f"a sharpness of {sharpness:.1f}; at least {parameters.blur_threshold:g} is needed"
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


def sharpness_of(crop: Image) -> float:
    """Return the variance of the Laplacian of the crop's grey values, 0 to 255; several hundred for a sharp photo.

    J. L. Pech-Pacheco et al., Diatom Autofocusing in Brightfield Microscopy: A Comparative Study (2000). A crop higher
    than :data:`SHARPNESS_HEIGHT` pixels is first scaled down to that height, so that the result does not depend on the
    size of the photo. A smaller crop is not scaled: enlarging would blur it.
    """
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    if height > SHARPNESS_HEIGHT:
        size = (max(1, round(width * SHARPNESS_HEIGHT / height)), SHARPNESS_HEIGHT)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _cut(person: FoundPerson) -> int | tuple[DropReason, str]:
    """Return the row of the crop where the lower body starts, at the hips, or the reason why there is none."""
    hips = _visible(person, _HIPS)
    if not len(hips):
        return DropReason.HIPS_NOT_SEEN, "neither hip is visible"
    row = round(float(hips[:, 1].mean()))
    knees = _visible(person, _KNEES)
    if not (knees[:, 1] > row).any():
        return DropReason.LEGS_NOT_SEEN, "neither knee is visible below the hips"
    height = person.box.bottom - row
    if height < MIN_LOWER_BODY:
        return DropReason.TOO_SMALL, f"the lower body is {height} pixels high; at least {MIN_LOWER_BODY} are needed"
    return max(row - person.box.top, 1)


def _visible(person: FoundPerson, joints: list[int]) -> NDArray[np.float32]:
    """Return those of the joints that are visible and within the person's box, which is within the photo."""
    points = person.keypoints[joints]
    left, top, right, bottom = person.box
    x, y, confidence = points.T
    visible = (confidence >= SEEN) & (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return np.asarray(points[visible])


def _arms_above_head(person: FoundPerson) -> bool:
    """Return whether both wrists are visible above the nose; they may be beyond the photo's upper edge."""
    nose, wrists = person.keypoints[_NOSE], person.keypoints[_WRISTS]
    visible = nose[2] >= SEEN and (wrists[:, 2] >= SEEN).all()
    return bool(visible and (wrists[:, 1] < nose[1]).all())
