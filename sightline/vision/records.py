"""The record of a classified image, and the comparison with the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["THRESHOLD_NOT_MET", "ImageRecord", "Outcome", "judge"]


class Outcome(StrEnum):
    """The outcome of an item of a run."""

    ACCEPTED = "accepted"
    LOW_CONFIDENCE = "low_confidence"
    REJECTED = "rejected"


class ImageRecord(BaseModel):
    """One image's line in the results.

    ``sha256`` is None if no byte could be read; ``class``, ``probabilities`` and ``confidence`` are None if the image
    was rejected. ``reason`` is one of :class:`~sightline.vision.Reason` for a rejected image and
    ``THRESHOLD_CONFIDENCE_NOT_MET`` for an uncertain one. ``timings`` are seconds. ``warnings`` are what is
    wrong with the file although it could be read, such as a damaged colour profile.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    uri: str
    sha256: str | None
    class_name: str | None = Field(None, alias="class")
    probabilities: dict[str, float] | None = None
    confidence: float | None = None
    threshold: float
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    model: str
    timings: dict[str, float]
    warnings: tuple[str, ...] = Field((), exclude_if=lambda warnings: not warnings)


THRESHOLD_NOT_MET = "THRESHOLD_CONFIDENCE_NOT_MET"
"""The reason of an uncertain image, and the message of a run that fails because of one."""


def judge(probabilities: Mapping[str, float], threshold: float) -> tuple[str, float, Outcome]:
    """Return the most probable class, its probability, and whether that reaches ``threshold``.

    Of equally probable classes, the first is returned.
    """
    name = max(probabilities, key=lambda class_name: probabilities[class_name])
    confidence = probabilities[name]
    return name, confidence, Outcome.ACCEPTED if confidence >= threshold else Outcome.LOW_CONFIDENCE
