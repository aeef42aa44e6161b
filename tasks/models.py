"""Which model classifies, and that model, loaded once a process."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from prefect import task
from pydantic import BaseModel, ConfigDict

from sightline import storage, vision
from sightline.errors import InvalidSetting
from sightline.names import ModelName
from sightline.registry import ImageInput, Registry
from sightline.reviews import Reviews
from sightline.settings import settings
from sightline.vision import EndpointClassifier, ImageClassifier
from sightline.vision.posture_settings import check_classes, pinned
from tasks.support.policy import ON_STORAGE

__all__ = ["ModelSpec", "classifier_of", "open_registry", "open_reviews", "resolve_model"]


class ModelSpec(BaseModel):
    """A model that classifies, small enough to be handed from task to task.

    ``name`` is ``posture/3`` or ``endpoint://NAME``; ``input`` is None where the images are sent as they are.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    classes: tuple[str, ...]
    threshold: float
    input: ImageInput | None
    registry: str | None

    @property
    def folder(self) -> str:
        """Where results of it go by default: ``posture-3``."""
        return ModelName.parse(self.name).folder

    @property
    def endpoint(self) -> str:
        """What capture files call the model: the endpoint's name."""
        return ModelName.parse(self.name).capture_endpoint

    @property
    def variant(self) -> str:
        """What capture files call its version: the endpoint's variant."""
        return ModelName.parse(self.name).capture_variant


def open_registry() -> Registry:
    """The registry in MODEL_BUCKET."""
    return Registry(settings().models)


def open_reviews() -> Reviews:
    """The questions and answers in REVIEWS_BUCKET."""
    return Reviews(settings().reviews)


@task(**ON_STORAGE)
def resolve_model(model: str, threshold: float | None) -> ModelSpec:
    """The model that ``model`` names now, so that a whole run uses one version, and the threshold that counts."""
    name = ModelName.parse(pinned(model, settings()))
    if name.is_endpoint:
        return _endpoint(name, threshold)
    registry = open_registry()
    record = registry.record(name)
    check_classes(record, settings())
    return ModelSpec(
        name=record.label,
        classes=record.classes,
        threshold=record.threshold if threshold is None else threshold,
        input=record.image_input,
        registry=storage.uri_of(registry.root),
    )


_loading = Lock()


def classifier_of(spec: ModelSpec) -> ImageClassifier | EndpointClassifier:
    """The model itself, loaded and checked once a process, however many chunks ask for it at the same time."""
    with _loading:
        return _load(spec)


@lru_cache(maxsize=4)
def _load(spec: ModelSpec) -> ImageClassifier | EndpointClassifier:
    config = settings()
    if spec.registry is None:
        return EndpointClassifier(spec.name, spec.classes, spec.threshold)
    registry = Registry(storage.locate(spec.registry))
    return vision.load_classifier(registry, spec.name, device=config.device, backend=config.backend)


def _endpoint(model: ModelName, threshold: float | None) -> ModelSpec:
    classes = settings().classes
    if threshold is None or classes is None:
        raise InvalidSetting(
            f"{model}: an endpoint has no record that says its threshold and its classes. "
            "Give --threshold, and set CLASSES to the names in the endpoint's order, as a JSON list"
        )
    return ModelSpec(name=model.label, classes=classes, threshold=threshold, input=None, registry=None)
