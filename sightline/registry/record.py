"""The record of one version of a model: architecture, training data, parameters and metrics."""

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
    PositiveFloat,
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
"""The registry's own files in the folder of a version."""


def _not_reserved(name: str) -> str:
    if name in (RECORD, CLAIM):
        raise ValueError(f"{name} is reserved for the registry")
    return name


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    # A draft must equal its record after it is read: a tuple becomes a list.
    parsed: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    return parsed


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200), AfterValidator(_not_reserved)]
"""The name of a file directly in the version's folder, never a path."""
Values = Annotated[dict[str, Any], AfterValidator(_as_json)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    # NaN and infinity are rejected before they are written: JSON cannot represent them.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageInput(_Strict):
    """A model's input is an image: stretched to ``width`` x ``height`` pixels, RGB, normalised.

    ``mean`` and ``std`` are those of the channels' values divided by 255. ``white``: the value of white in images with
    more than 8 bits a sample that do not declare it, such as 4095 for a 12-bit sensor.
    """

    width: PositiveInt
    height: PositiveInt
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    white: PositiveFloat | None = Field(None, exclude_if=lambda white: white is None)


class FeatureInput(_Strict):
    """A model's input is one number for every feature, in this order; NaN if it is unknown."""

    features: Annotated[tuple[str, ...], Field(min_length=1)]


def _kind_of_input(value: Any) -> str:
    if isinstance(value, FeatureInput):
        return "features"
    return "features" if isinstance(value, dict) and "features" in value else "image"


class FileEntry(_Strict):
    """One file of a version: the hash of its content, and its size in bytes."""

    sha256: Sha256
    size: Count


class DataVersion(_Strict):
    """The data that a model was trained and tested on.

    ``manifest_sha256`` is the hash of the manifest of all samples, ``test_sha256`` that of the test set. ``groups``
    counts the groups that a split keeps together (people, for example), None if the data has none. ``reviewed`` counts
    the samples whose label is a person's answer.
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
    """A version before it is published."""

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
    """A version in the registry, with its files."""

    version: PositiveInt
    files: Annotated[dict[FileName, FileEntry], Field(min_length=1)]

    @property
    def label(self) -> str:
        """The model and its version as text: ``posture/3``."""
        return f"{self.name}/{self.version}"

    @property
    def model_name(self) -> ModelName:
        """The model's name with its version."""
        return ModelName(self.name, self.version)

    @property
    def image_input(self) -> ImageInput:
        """The format of its input images. Raises :class:`WrongTask` if its input is not an image."""
        if isinstance(self.input, ImageInput):
            return self.input
        raise self._wrong_input("images")

    @property
    def feature_input(self) -> FeatureInput:
        """The features of its input. Raises :class:`WrongTask` if its input is something else."""
        if isinstance(self.input, FeatureInput):
            return self.input
        raise self._wrong_input("features")

    def check_task(self, task: str, purpose: str) -> None:
        """Raise :class:`WrongTask`, with the ``purpose`` in its message, if the model is for another task."""
        if self.task != task:
            raise WrongTask(f"{self.label}: is a model for {self.task}, not for {purpose}. Name another model")

    def _wrong_input(self, kind: str) -> WrongTask:
        return WrongTask(f"{self.label}: is a model for {self.task} and does not take {kind}. Name another model")


def read_record(file: Location, name: str, version: int) -> ModelRecord:
    """Read the record of a version of a model. Raises ``FileNotFoundError`` and :class:`ModelDamaged`."""
    try:
        record = ModelRecord.model_validate_json(storage.read_bytes(file))
    except ValidationError as error:
        problem = f"is damaged, or was written by another version of sightline: {first_problem(error)}"
    else:
        if (record.name, record.version) == (name, version):
            return record
        problem = f"is the record of {record.label}"
    raise damaged(file, problem, name)
