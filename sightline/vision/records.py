"""The record of a classified image, and the comparison with the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

__all__ = [
    "OUT_OF_DISTRIBUTION",
    "THRESHOLD_NOT_MET",
    "UNCERTAIN",
    "ImageRecord",
    "Judgement",
    "Outcome",
    "judge",
    "judge_image",
]


class Outcome(StrEnum):
    """The outcome of an item of a run.

    ``LOW_CONFIDENCE`` covers every uncertain item, whose reason is one of :data:`UNCERTAIN`.
    """

    ACCEPTED = "accepted"
    LOW_CONFIDENCE = "low_confidence"
    REJECTED = "rejected"


class ImageRecord(BaseModel):
    """One image's line in the results.

    ``sha256`` is None if no byte could be read; ``class``, ``probabilities`` and ``confidence`` are None if the image
    was rejected. ``reason`` is one of :class:`~sightline.vision.Reason` for a rejected image and
    ``THRESHOLD_CONFIDENCE_NOT_MET`` or ``OUT_OF_DISTRIBUTION`` for an uncertain one. ``strangeness`` is the distance of
    the image from those that the model knows, above 1 for an image of another kind; None if nothing checked it, because
    the model has no such measure. ``timings`` are seconds. ``warnings`` are what is wrong with the file although it
    could be read, such as a damaged colour profile.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    uri: str
    sha256: str | None
    class_name: str | None = Field(None, alias="class")
    probabilities: dict[str, float] | None = None
    confidence: float | None = None
    threshold: float
    strangeness: float | None = None
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    model: str
    timings: dict[str, float]
    warnings: tuple[str, ...] = Field((), exclude_if=lambda warnings: not warnings)

    @model_serializer(mode="wrap")
    def _as_written(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write a record of an earlier version as it was: without the field that it did not have."""
        fields: dict[str, Any] = serialize(self)
        if "strangeness" not in self.model_fields_set:
            fields.pop("strangeness", None)
        return fields


THRESHOLD_NOT_MET = "THRESHOLD_CONFIDENCE_NOT_MET"
"""The reason of an image whose confidence is too low, and the message of a run that fails because of one."""
OUT_OF_DISTRIBUTION = "OUT_OF_DISTRIBUTION"
"""The reason of an image of a kind that the model does not know, whatever its confidence."""
UNCERTAIN = (THRESHOLD_NOT_MET, OUT_OF_DISTRIBUTION)
"""The reasons of images that a person should look at."""


def judge(probabilities: Mapping[str, float], threshold: float) -> tuple[str, float, Outcome]:
    """Return the most probable class, its probability, and whether that reaches ``threshold``.

    Of equally probable classes, the first is returned.
    """
    name = max(probabilities, key=lambda class_name: probabilities[class_name])
    confidence = probabilities[name]
    return name, confidence, Outcome.ACCEPTED if confidence >= threshold else Outcome.LOW_CONFIDENCE


class Judgement(NamedTuple):
    """The result of :func:`judge_image`. ``reason``: one of :data:`UNCERTAIN`, None if the image is accepted."""

    class_name: str
    confidence: float
    outcome: Outcome
    reason: str | None


def judge_image(probabilities: Mapping[str, float], threshold: float, strangeness: float | None) -> Judgement:
    """Judge an image by its probabilities and its strangeness, None if nothing measured that.

    The class of an image of an unknown kind is not believed, so its reason is the kind, not the confidence.
    """
    name, confidence, outcome = judge(probabilities, threshold)
    if strangeness is not None and strangeness > 1:
        return Judgement(name, confidence, Outcome.LOW_CONFIDENCE, OUT_OF_DISTRIBUTION)
    return Judgement(name, confidence, outcome, None if outcome is Outcome.ACCEPTED else THRESHOLD_NOT_MET)
