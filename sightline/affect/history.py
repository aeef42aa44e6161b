"""The finished trainings of a patient's model, one file per training, beside the model's versions.

::

    {model}/trainings/{end}-{id}.json    ordered by their ends
    {model}/trainings/turns/             the lease of the running training

A failed training is stored like any other and counts for the cooldown: this protects the machine, and the next attempt
would most likely fail too. A killed training leaves no file.
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
"""The folder of the trainings in the model's folder of the registry, beside the numbered versions."""


class Training(BaseModel):
    """A finished training."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    started: AwareDatetime
    ended: AwareDatetime
    started_by: str
    outcome: Literal["promoted", "not promoted", "failed"]
    sessions: tuple[str, ...]
    """The names of the sessions in its training data."""
    code_version: str
    version: PositiveInt | None = None
    """The model's version in the registry; None if the training failed."""
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    """The confidence interval of the accuracy: lowest and highest."""
    verdict: str | None = None
    """Whether the model is better than the reference models, as text."""
    error: str | None = None

    @model_validator(mode="after")
    def _has_a_version_or_an_error(self) -> Training:
        failed = self.outcome == "failed"
        if failed != (self.error is not None) or failed != (self.version is None):
            raise ValueError("a failed training has an error and no version, any other a version and no error")
        return self


def read_trainings(folder: Location) -> list[Training]:
    """Return all trainings of the model in ``folder``, ordered by their ends.

    Raises ``StorageError`` for a document that cannot be read.
    """
    trainings = (documents.read(folder / TRAININGS / name, Training) for name in _names(folder))
    return [training for training in trainings if training]


def last_training(folder: Location) -> Training | None:
    """Return the training that ended last, None if there is none. Reads one file."""
    names = _names(folder)
    return documents.read(folder / TRAININGS / names[-1], Training) if names else None


def store_training(folder: Location, training: Training) -> None:
    """Store a training under a unique name."""
    name = f"{training.ended.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}.json"
    storage.write_bytes(folder / TRAININGS / name, documents.to_json(training))


def _names(folder: Location) -> list[str]:
    return [name for name in storage.file_names(folder / TRAININGS) if name.endswith(".json")]
