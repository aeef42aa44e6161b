"""``sightline import-model``: a pickled model of another project becomes a version in the registry. It runs no flow."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field

from sightline.errors import InvalidSetting
from sightline.names import PatientName
from sightline.registry import ModelRecord, Registry
from sightline.sessions import read_sessions
from sightline.settings import settings
from sightline.training import images
from sightline.training.emotions import read_session_table
from sightline.training.importing.emotions import import_emotion_model
from sightline.training.importing.images import import_image_model
from sightline.training.importing.sandbox import TORCH_SUFFIXES
from tasks.models import open_registry

__all__ = ["ImportedModel", "import_model"]


class ImportedModel(BaseModel):
    """The new version. ``evaluated``: whether it was measured on data; ``current`` is always false after an import."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    task: str
    classes: tuple[str, ...]
    threshold: float
    evaluated: bool
    samples: int
    accuracy: float | None
    macro_f1: float | None
    current: bool

    @classmethod
    def of(cls, record: ModelRecord) -> ImportedModel:
        """Return the result of an import."""
        return cls(
            **record.model_dump(include={"name", "version", "task", "classes", "threshold"}),
            evaluated=record.data.test > 0,
            samples=record.data.test,
            accuracy=record.metrics.get("accuracy"),
            macro_f1=record.metrics.get("macro_f1"),
            current=False,
        )

    def __str__(self) -> str:
        quality = (
            f"accuracy {self.accuracy:.3f} on {self.samples} samples"
            if self.evaluated
            else "never evaluated: give --data"
        )
        return (
            f"{self.name}/{self.version}: {self.task}, {', '.join(self.classes)}; {quality}. It is not in use; "
            f"`sightline rollback-model {self.name}/{self.version}` makes it the current version"
        )


def import_model(
    file: str,
    *,
    name: Annotated[str, Parameter(name="--as")],
    head: str | None = None,
    classes: str | None = None,
    size: Annotated[int, Field(ge=1, le=4096)] | None = None,
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None,
    preset: str | None = None,
    data: str | None = None,
) -> ImportedModel:
    """Import a .pth or .pkl model of another project as a new version, which is not made current.

    The file is read in a process that may only compute. Weights and trees are imported; anything else in it is refused.

    Args:
        file: A network's state dict as .pth, or a patient's random forest as .pkl; a path or an s3:// URI.
        name: The name of the image model in the registry, or the patient of a forest.
        head: The XGBClassifier on the network's embeddings, as .pkl. By default the network's own last layer.
        classes: An image model's classes in the order of its outputs, separated by commas. By default the preset's.
        size: The side of the square images that the network expects. By default as in the preset's recipe.
        threshold: The lowest probability at which a prediction is accepted. By default the preset's, or 0.6.
        preset: The preset that reads the images and names their classes. By default the preset with the model's name.
        data: What the model is measured on and was not trained on: labelled images; for a patient "sessions", theirs.
    """
    registry = open_registry()
    if file.lower().endswith(TORCH_SUFFIXES):
        return ImportedModel.of(_import_images(registry, file, name, head, classes, size, threshold, preset, data))
    if unused := [
        option
        for option, value in (("--head", head), ("--classes", classes), ("--size", size), ("--preset", preset))
        if value
    ]:
        raise InvalidSetting(
            f"{', '.join(unused)}: only for the .pth file of a network. Leave it out for a patient's forest"
        )
    if data not in (None, "sessions"):
        raise InvalidSetting(f"--data {data}: a patient's forest is measured on --data sessions, those of the patient")
    patient, table = PatientName.parse(name), None
    if data is not None:
        bucket = settings().patients
        table = read_session_table(bucket, read_sessions(bucket, patient))
    return ImportedModel.of(import_emotion_model(registry, patient, file, threshold=threshold or 0.6, table=table))


def _import_images(
    registry: Registry, file: str, name: str, head: str | None, classes: str | None, size: int | None,
    threshold: float | None, preset: str | None, data: str | None,
) -> ModelRecord:  # fmt: skip
    if preset is None and name not in images.preset_names():
        known = ", ".join(images.preset_names())
        raise InvalidSetting(f"{name} is not the name of a preset. Add --preset, one of {known}, or a .toml file")
    loaded = images.load_preset(preset or name)
    expected = loaded.recipe().input
    changes: dict[str, Any] = {} if size is None else {"width": size, "height": size}
    return import_image_model(
        registry,
        name,
        file,
        head=head,
        classes=[part.strip() for part in classes.split(",")] if classes else loaded.classes,
        size=expected.model_copy(update=changes),
        threshold=loaded.threshold if threshold is None else threshold,
        preset=loaded,
        data=data,
    )
