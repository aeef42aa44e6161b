"""Which model classifies, and that model, loaded once a process."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from prefect import task
from pydantic import BaseModel, ConfigDict

from sightline import storage, vision
from sightline.errors import InvalidSetting
from sightline.registry import ImageInput, Registry
from sightline.reviews import Reviews
from sightline.settings import settings
from sightline.vision import ENDPOINT, EndpointClassifier, ImageClassifier
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
        return self.name.removeprefix(ENDPOINT).replace("/", "-")

    @property
    def endpoint(self) -> str:
        """What capture files call the model: the endpoint's name."""
        return self.name.removeprefix(ENDPOINT).partition("/")[0]

    @property
    def variant(self) -> str:
        """What capture files call its version: the endpoint's variant."""
        return f"v{self.name.rpartition('/')[2]}" if self.registry else "AllTraffic"


def open_registry() -> Registry:
    """The registry in MODEL_BUCKET."""
    config = settings()
    return Registry(storage.locate(config.bucket_uri(config.model_bucket)))


def open_reviews() -> Reviews:
    """The questions and answers in REVIEWS_BUCKET."""
    config = settings()
    return Reviews(storage.locate(config.reviews_uri))


@task(**ON_STORAGE)
def resolve_model(model: str, threshold: float | None) -> ModelSpec:
    """The model that ``model`` names now, so that a whole run uses one version, and the threshold that counts."""
    if model.startswith(ENDPOINT):
        return _endpoint(model, threshold)
    registry = open_registry()
    record = registry.record(pinned(model, settings()))
    check_classes(record, settings())
    return ModelSpec(
        name=f"{record.name}/{record.version}",
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


def _endpoint(model: str, threshold: float | None) -> ModelSpec:
    classes = settings().classes
    if threshold is None or classes is None:
        raise InvalidSetting(
            f"{model}: an endpoint has no record that says its threshold and its classes. "
            "Give --threshold, and set CLASSES to the names in the endpoint's order, as a JSON list"
        )
    return ModelSpec(name=model, classes=classes, threshold=threshold, input=None, registry=None)
