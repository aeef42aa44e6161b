"""The trainings of a patient's model that came to an end, each in a file of its own beside the model's versions.

::

    {model}/trainings/{end}-{id}.json    in the order of their ends
    {model}/trainings/turns/             who may train now

A failed training is kept like any other, and counts for the cooldown: that protects the machine, and what has failed
would most likely fail again a minute later. Of a training that was killed nothing is kept.
"""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt, model_validator

from sightline import documents, storage
from sightline.storage import Location

__all__ = ["TRAININGS", "Training", "last_training", "read_trainings", "store_training"]

TRAININGS = "trainings"
"""The folder of them, in the model's folder of the registry, whose versions are numbers."""


class Training(BaseModel):
    """A training that came to its end."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    started: AwareDatetime
    ended: AwareDatetime
    started_by: str
    outcome: Literal["promoted", "not promoted", "failed"]
    sessions: tuple[str, ...]
    """Names of the sessions that it was to learn from."""
    code_version: str
    version: PositiveInt | None = None
    """The model's version in the registry; None where it failed."""
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    """Lowest and highest accuracy that the sessions are in agreement with."""
    verdict: str | None = None
    """Whether the model is better than its rivals, in words."""
    error: str | None = None

    @model_validator(mode="after")
    def _has_a_version_or_an_error(self) -> Training:
        failed = self.outcome == "failed"
        if failed != (self.error is not None) or failed != (self.version is None):
            raise ValueError("a failed training has an error and no version, any other a version and no error")
        return self


def read_trainings(folder: Location) -> list[Training]:
    """All trainings of the model whose folder in the registry it is, in the order of their ends.

    Raises ``StorageError`` for a document that cannot be read.
    """
    found = (documents.read(folder / TRAININGS / name, Training) for name in _names(folder))
    return [training for training in found if training]


def last_training(folder: Location) -> Training | None:
    """The training that ended last, None where there was none; reads that one alone."""
    names = _names(folder)
    return documents.read(folder / TRAININGS / names[-1], Training) if names else None


def store_training(folder: Location, training: Training) -> None:
    """Write it down under a name that no other has, so that it takes no other's place."""
    name = f"{training.ended.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}.json"
    storage.write_bytes(folder / TRAININGS / name, documents.to_json(training))


def _names(folder: Location) -> list[str]:
    return [name for name in storage.file_names(folder / TRAININGS) if name.endswith(".json")]
