"""The agreement of a model's predictions in half precision with those in float32."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.registry import ModelRecord
from sightline.registry.errors import damaged, first_problem

__all__ = ["HALF_PRECISIONS", "METRIC", "HalfPrecision", "PrecisionAgreement", "agreement", "supported_half_precisions"]

HalfPrecision: TypeAlias = Literal["bfloat16", "float16"]
HALF_PRECISIONS: tuple[HalfPrecision, ...] = get_args(HalfPrecision)

METRIC = "half_precision"
"""The metric of a model's record that holds an :class:`PrecisionAgreement` for every measured precision."""

_MIN_SHARE, _MAX_DIFFERENCE, _MIN_IMAGES = 0.995, 0.02, 100


class PrecisionAgreement(BaseModel):
    """The agreement of predictions in half precision with those in float32, on images not used for training.

    ``images``: the number of images. ``same_class``: the share of them whose most probable class is the same.
    ``within``: the share of them in which no probability differs by more than 0.02. ``largest_difference``: the largest
    difference of a probability.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    images: int = Field(ge=1, alias="pictures")
    same_class: float = Field(ge=0, le=1)
    within: float = Field(ge=0, le=1)
    largest_difference: float = Field(ge=0, le=1)

    @property
    def holds(self) -> bool:
        """Whether half precision may replace float32; False if there are too few images.

        Trees are discontinuous: a small error sometimes moves an image to the other side of a split. Therefore one
        image in two hundred may differ by more, and none if there are fewer than two hundred.
        """
        return self.images >= _MIN_IMAGES and min(self.same_class, self.within) >= _MIN_SHARE


def agreement(half: NDArray[np.float64], expected: NDArray[np.float64]) -> PrecisionAgreement:
    """Return the agreement of probabilities in half precision with those in float32, both of shape = (n, classes)."""
    differences = np.abs(half - expected).max(axis=1)
    return PrecisionAgreement(
        images=len(expected),
        same_class=float((half.argmax(1) == expected.argmax(1)).mean()),
        within=float((differences <= _MAX_DIFFERENCE).mean()),
        largest_difference=float(differences.max()),
    )


def supported_half_precisions(record: ModelRecord) -> frozenset[HalfPrecision]:
    """Return the half precisions that a model may run in: those that agreed when they were measured in training.

    Raises ``ModelDamaged`` if the record's measurement is damaged.
    """
    measured = record.metrics.get(METRIC, {})
    try:
        agreements = {
            name: PrecisionAgreement.model_validate(measured[name]) for name in HALF_PRECISIONS if name in measured
        }
    except (TypeError, ValidationError) as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise damaged(record.label, f"the metric {METRIC} of its record is damaged: {problem}", record.name) from error
    return frozenset(name for name, measurement in agreements.items() if measurement.holds)
