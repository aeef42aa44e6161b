"""Half precision: how far a model's predictions by it may be from those by float32."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.registry import ModelRecord
from sightline.registry.errors import damaged, first_problem

__all__ = ["HALF_PRECISIONS", "METRIC", "Agreement", "HalfPrecision", "agreement", "borne_by"]

HalfPrecision: TypeAlias = Literal["bfloat16", "float16"]
HALF_PRECISIONS: tuple[HalfPrecision, ...] = get_args(HalfPrecision)

METRIC = "half_precision"
"""The metric of a model's record that holds an :class:`Agreement` for each precision that was measured."""

_SHARE, _DIFFERENCE, _ENOUGH = 0.995, 0.02, 100


class Agreement(BaseModel):
    """A model's predictions by half precision beside those by float32, on pictures that it has not learnt from.

    ``pictures``: how many there were. ``same_class``: the share of them whose most probable class is the same.
    ``within``: the share of those of which no class's probability differs by more than 0.02. ``largest_difference``:
    that of any class of any picture.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int = Field(ge=1)
    same_class: float = Field(ge=0, le=1)
    within: float = Field(ge=0, le=1)
    largest_difference: float = Field(ge=0, le=1)

    @property
    def holds(self) -> bool:
        """Whether they may stand for those by float32; not where too few pictures tell.

        Trees jump: however small an error is, now and then it takes a picture to the other side of a split. So a
        picture in two hundred may differ by more; of fewer than two hundred none.
        """
        return self.pictures >= _ENOUGH and min(self.same_class, self.within) >= _SHARE


def agreement(found: NDArray[np.float64], expected: NDArray[np.float64]) -> Agreement:
    """That of probabilities by half precision with those by float32, both of shape = (n, classes)."""
    differences = np.abs(found - expected).max(axis=1)
    return Agreement(
        pictures=len(expected),
        same_class=float((found.argmax(1) == expected.argmax(1)).mean()),
        within=float((differences <= _DIFFERENCE).mean()),
        largest_difference=float(differences.max()),
    )


def borne_by(record: ModelRecord) -> frozenset[HalfPrecision]:
    """The half precisions that a model may run in: those that were measured when it was trained, and found to agree.

    Raises ``ModelDamaged`` where what the record tells of one is something else.
    """
    measured = record.metrics.get(METRIC, {})
    try:
        agreements = {name: Agreement.model_validate(measured[name]) for name in HALF_PRECISIONS if name in measured}
    except (TypeError, ValidationError) as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise damaged(record.label, f"what its record tells of {METRIC} is damaged: {problem}", record.name) from error
    return frozenset(name for name, each in agreements.items() if each.holds)
