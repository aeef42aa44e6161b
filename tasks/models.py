"""The model that classifies: its version and threshold, and the model itself, loaded once per process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from sightline import storage, vision
from sightline.errors import InvalidSetting
from sightline.names import ModelName
from sightline.registry import ImageInput, Registry
from sightline.settings import settings
from sightline.vision import EndpointClassifier, ImageClassifier
from sightline.vision.posture_settings import check_classes, pinned
from tasks.support.loading import loaded_once
from tasks.support.policy import ON_STORAGE, sightline_task

if TYPE_CHECKING:
    from sightline.reviews import Reviews

__all__ = ["ModelSpec", "classifier_of", "endpoint_settings", "open_registry", "open_reviews", "resolve_model"]


class ModelSpec(BaseModel):
    """A model that classifies, small enough to be passed from task to task.

    ``name`` is ``posture/3`` or ``endpoint://NAME``; ``input`` is None if the images are sent unchanged.
    ``checks_familiarity``: whether it measures if an image is of the kind that it knows.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    classes: tuple[str, ...]
    threshold: float
    input: ImageInput | None
    registry: str | None
    checks_familiarity: bool = False

    @property
    def endpoint(self) -> str:
        """The endpoint's name in capture files."""
        return ModelName.parse(self.name).capture_endpoint

    @property
    def variant(self) -> str:
        """The variant's name in capture files."""
        return ModelName.parse(self.name).capture_variant


def open_registry() -> Registry:
    """Return the registry in MODEL_BUCKET."""
    return Registry(settings().models)


def open_reviews() -> Reviews:
    """Return the questions and answers in REVIEWS_BUCKET."""
    from sightline.reviews import Reviews

    return Reviews(settings().reviews)


@sightline_task(**ON_STORAGE)
def resolve_model(model: str, threshold: float | None) -> ModelSpec:
    """Return the version that ``model`` names now, and its threshold; the complete run uses this version."""
    name = ModelName.parse(pinned(model, settings()))
    if name.is_endpoint:
        classes, threshold = endpoint_settings(name, threshold)
        return ModelSpec(name=name.label, classes=classes, threshold=threshold, input=None, registry=None)
    registry = open_registry()
    record = registry.record(name)
    check_classes(record, settings())
    return ModelSpec(
        name=record.label,
        classes=record.classes,
        threshold=record.threshold if threshold is None else threshold,
        input=record.image_input,
        registry=storage.uri_of(registry.root),
        checks_familiarity=vision.is_checked(record),
    )


@loaded_once
def classifier_of(spec: ModelSpec) -> ImageClassifier | EndpointClassifier:
    """Load and check the model, once per process."""
    config = settings()
    if spec.registry is None:
        return EndpointClassifier(spec.name, spec.classes, spec.threshold)
    registry = Registry(storage.locate(spec.registry))
    return vision.load_classifier(registry, spec.name, device=config.device, backend=config.backend)


def endpoint_settings(endpoint: ModelName, threshold: float | None) -> tuple[tuple[str, ...], float]:
    """Return the classes and the threshold of an endpoint; raise ``InvalidSetting`` if one of them is not set."""
    classes = settings().classes
    if threshold is None or classes is None:
        raise InvalidSetting(
            f"{endpoint.label}: an endpoint has no record of its threshold and its classes. "
            "Give --threshold, and set CLASSES to the names in the endpoint's order, as a JSON list"
        )
    return classes, threshold
