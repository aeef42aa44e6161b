"""The record of a person in a ranked photo."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from sightline.pose import Box
from sightline.ranking.prepare import DropReason
from sightline.vision import Outcome

__all__ = ["RankedPerson", "outcome_of", "sort_key"]


class RankedPerson(BaseModel):
    """One person's line in the results or, with ``person`` 0, that of a photo without usable people.

    ``person`` counts a photo's people from 1, highest confidence first; ``box`` is their position, in pixels. ``score``
    is the model's score of the lower body, and ``ranking`` includes the bonus for raised arms; both are 0 to 1, and
    None if the lower body cannot be determined. ``reason`` is a :class:`~sightline.ranking.DropReason` or, for a photo
    that cannot be read, a :class:`~sightline.vision.Reason`. ``sha256`` is None if no byte could be read.
    ``warnings`` are what is wrong with the photo's file although it could be read.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str | None
    person: int
    box: Box | None = None
    score: float | None = None
    ranking: float | None = None
    arms_above_head: bool | None = None
    confidence: float | None = None
    sharpness: float | None = None
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    model: str
    warnings: tuple[str, ...] = Field((), exclude_if=lambda warnings: not warnings)


def outcome_of(reason: DropReason) -> Outcome:
    """Return the outcome for a reason: a possible person is uncertain, other people are rejected."""
    return Outcome.LOW_CONFIDENCE if reason is DropReason.LOW_CONFIDENCE else Outcome.REJECTED


def sort_key(person: RankedPerson) -> float:
    """Return the key that sorts people best first; people without a ranking follow in their original order."""
    return math.inf if person.ranking is None else -person.ranking
