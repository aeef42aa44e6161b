"""What is known of one version of a model: what it is, what made it, and how good it is."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationError,
)

from sightline import storage
from sightline.names import ModelName
from sightline.registry.errors import WrongTask, damaged, first_problem
from sightline.storage import Location

__all__ = [
    "CLAIM",
    "RECORD",
    "DataVersion",
    "FeatureInput",
    "FileEntry",
    "ImageInput",
    "ModelDraft",
    "ModelRecord",
    "read_record",
]

RECORD, CLAIM = "record.json", "claim"
"""The files of a version that are the registry's own."""


def _not_reserved(name: str) -> str:
    if name in (RECORD, CLAIM):
        raise ValueError(f"{name} is a file of the registry's own")
    return name


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    # Also makes the draft what its record will be when it is read: a tuple becomes a list.
    read: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    return read


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200), AfterValidator(_not_reserved)]
"""A file directly in the version's folder: nothing that leads out of it."""
Values = Annotated[dict[str, Any], AfterValidator(_as_json)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    # What is not a number is refused when it is written: JSON has no name for it.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageInput(_Strict):
    """How a picture becomes a model's input: stretched to ``width`` x ``height`` pixels, RGB, normalised.

    ``mean`` and ``std`` are those of each channel's values divided by 255.
    """

    width: PositiveInt
    height: PositiveInt
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class FeatureInput(_Strict):
    """A model's input is one number for each of ``features``, in this order; NaN where it is not known."""

    features: Annotated[tuple[str, ...], Field(min_length=1)]


def _kind_of_input(given: Any) -> str:
    if isinstance(given, FeatureInput):
        return "features"
    return "features" if isinstance(given, dict) and "features" in given else "image"


class FileEntry(_Strict):
    """One file of a version: the hash of its content and its bytes."""

    sha256: Sha256
    size: Count


class DataVersion(_Strict):
    """What a model was trained and tested on.

    ``manifest_sha256`` is that of the manifest of all samples, ``test_sha256`` that of the test set alone; ``groups``
    counts what no two sides of a split share (people, say), None where the data tells of none. ``reviewed``: the
    samples whose label is a person's answer.
    """

    manifest_sha256: Sha256
    test_sha256: Sha256
    samples: Count
    train: Count
    validation: Count
    test: Count
    groups: Count | None
    source: str
    synthetic: bool
    reviewed: Count = 0


class ModelDraft(_Strict):
    """A version before the registry has it."""

    name: str
    created: AwareDatetime
    task: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$")]
    architecture: Values
    classes: tuple[str, ...]
    input: Annotated[
        Annotated[ImageInput, Tag("image")] | Annotated[FeatureInput, Tag("features")], Discriminator(_kind_of_input)
    ]
    threshold: Annotated[float, Field(ge=0, le=1)]
    temperature: Annotated[float, Field(gt=0)]
    data: DataVersion
    parameters: Values
    seed: int
    metrics: Values
    code_version: str
    libraries: dict[str, str]


class ModelRecord(ModelDraft):
    """A version in the registry, with the files that belong to it."""

    version: PositiveInt
    files: Annotated[dict[FileName, FileEntry], Field(min_length=1)]

    @property
    def label(self) -> str:
        """``posture/3``: the model and its version."""
        return f"{self.name}/{self.version}"

    @property
    def model_name(self) -> ModelName:
        """The model's name with its version."""
        return ModelName(self.name, self.version)

    @property
    def image_input(self) -> ImageInput:
        """What pictures are made into for it. Raises :class:`WrongTask` where it does not take pictures."""
        if isinstance(self.input, ImageInput):
            return self.input
        raise self._wrong("images")

    @property
    def feature_input(self) -> FeatureInput:
        """The features that it takes. Raises :class:`WrongTask` where it takes something else."""
        if isinstance(self.input, FeatureInput):
            return self.input
        raise self._wrong("features")

    def check_task(self, task: str, purpose: str) -> None:
        """Raises :class:`WrongTask`, which says the ``purpose``, where the model is not one for ``task``."""
        if self.task != task:
            raise WrongTask(f"{self.label}: is a model for {self.task}, not for {purpose}. Name another model")

    def _wrong(self, what: str) -> WrongTask:
        return WrongTask(f"{self.label}: is a model for {self.task} and does not take {what}. Name another model")


def read_record(file: Location, name: str, version: int) -> ModelRecord:
    """The record of that version of that model. Raises ``FileNotFoundError`` and :class:`ModelDamaged`."""
    try:
        record = ModelRecord.model_validate_json(storage.read_bytes(file))
    except ValidationError as error:
        problem = f"is damaged, or was written by another version of sightline: {first_problem(error)}"
    else:
        if (record.name, record.version) == (name, version):
            return record
        problem = f"is the record of {record.label}"
    raise damaged(file, problem, name)
