"""One served version of a model: loaded, warmed up, and computing in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from api.batching import Batcher, QueueFull
from api.metrics import Metrics
from api.problems import Problem
from sightline.ranking import TASK as RANKING
from sightline.ranking import Ranker, load_ranker
from sightline.registry import ModelRecord, Registry
from sightline.settings import Settings
from sightline.vision import ImageClassifier, is_checked, load_classifier
from sightline.vision.posture_settings import check_classes

__all__ = ["ServedModel", "load_and_warm_up"]

_log = logging.getLogger(__name__)

Pixels: TypeAlias = NDArray[np.uint8]


class ServedModel:
    """One version of a model, loaded and warmed up, with its batcher."""

    def __init__(self, name: str, model: ImageClassifier | Ranker, config: Settings, metrics: Metrics) -> None:
        self.model = model
        self.record: ModelRecord = model.record
        self._leases = 0
        self._idle = asyncio.Event()
        self._batcher: Batcher[Pixels, Any] = Batcher(
            _compute_of(model),
            _BatchMetrics(name, metrics),
            max_batch=config.api_max_batch,
            max_wait=config.api_max_wait_ms / 1000,
            max_queue=config.api_max_queue,
        )

    @contextmanager
    def lease(self) -> Iterator[ServedModel]:
        """Return this version, which is not retired before the context ends."""
        self._leases += 1
        try:
            yield self
        finally:
            self._leases -= 1
            self._idle.set()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Announce images: a batch waits for them until the context ends."""
        with self._batcher.expecting():
            yield

    async def predict(self, images: Sequence[Pixels]) -> list[Any]:
        """Return the result of each image: a classifier's :class:`~sightline.vision.Examination`, or a ranker's score.

        Raises :class:`Problem` if too many images are waiting, or if the model fails.
        """
        try:
            return await self._batcher.submit(images)
        except QueueFull as error:
            raise Problem(
                503, "overloaded", f"too many images are waiting for {self.record.label}", headers={"Retry-After": "1"}
            ) from error
        except Exception as error:
            _log.exception("%s failed", self.record.label)
            raise Problem(503, "model_failed", f"{self.record.label} failed: {error}") from error

    async def retire(self) -> None:
        """Wait for the requests that use this version, then free its thread."""
        while self._leases:
            self._idle.clear()
            await self._idle.wait()
        await self._batcher.close()


@dataclass(frozen=True)
class _BatchMetrics:
    """The metrics of a model's batcher."""

    model: str
    metrics: Metrics

    def computed(self, items: int, seconds: float) -> None:
        self.metrics.batch.labels(self.model).observe(items)
        self.metrics.forward.labels(self.model).observe(seconds)

    def waiting(self, items: int) -> None:
        self.metrics.queue.labels(self.model).set(items)

    def dropped(self, items: int) -> None:
        self.metrics.dropped.labels(self.model).inc(items)


def _compute_of(model: ImageClassifier | Ranker) -> Callable[[list[Pixels]], Sequence[Any]]:
    if isinstance(model, Ranker):
        return lambda crops: [float(score) for score in model.scores(crops)]
    return lambda images: model.examine(np.stack(images))


def load_and_warm_up(registry: Registry, label: str, config: Settings) -> ImageClassifier | Ranker:
    """Load the model, and warm it up with one black image and with a full batch."""
    model: Any
    record = registry.record(label)
    check_classes(record, config)
    if record.task == RANKING:
        model = load_ranker(registry, label)
    else:
        model = load_classifier(registry, label, device=config.device, backend=config.backend)
        if not is_checked(record):
            _log.warning("%s: nothing checks whether an image is of the kind that this model knows", record.label)
    black = np.zeros((model.input.height, model.input.width, 3), np.uint8)
    compute = _compute_of(model)
    for count in (1, config.api_max_batch):
        compute([black] * count)
    return model  # type: ignore[no-any-return]
