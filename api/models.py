"""The models that answer: loaded once, warm before they do, and swapped under the requests when another is current."""

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
from sightline.names import ModelName
from sightline.ranking import TASK as RANKING
from sightline.ranking import Ranker, load_ranker
from sightline.registry import ModelRecord, Registry
from sightline.settings import Settings
from sightline.vision import ImageClassifier, load_classifier
from sightline.vision.posture_settings import check_classes, pinned

__all__ = ["DEFAULT_MODELS", "ModelState", "Models", "ServedModel", "train_command"]

_log = logging.getLogger(__name__)

DEFAULT_MODELS = ("vehicles", "posture", "running-style")
"""Those that are looked for where the settings name none."""

Pixels: TypeAlias = NDArray[np.uint8]


def train_command(name: str) -> str:
    """The command that trains a model of that name."""
    if name == "running-style":
        return "sightline train-ranking DATA"
    return f"sightline train-image-classifier {name} DATA"


class ServedModel:
    """One version, loaded and warm, with the batcher before it."""

    def __init__(self, name: str, model: ImageClassifier | Ranker, config: Settings, metrics: Metrics) -> None:
        self.model = model
        self.record: ModelRecord = model.record
        self._leases = 0
        self._idle = asyncio.Event()
        self._batcher: Batcher[Pixels, tuple[float, ...]] = Batcher(
            _compute_of(model),
            _Watcher(name, metrics),
            max_batch=config.api_max_batch,
            max_wait=config.api_max_wait_ms / 1000,
            max_queue=config.api_max_queue,
        )

    @contextmanager
    def lease(self) -> Iterator[ServedModel]:
        """While inside the version is not retired."""
        self._leases += 1
        try:
            yield self
        finally:
            self._leases -= 1
            self._idle.set()

    @contextmanager
    def announced(self) -> Iterator[None]:
        """While inside, pictures for it are on their way."""
        with self._batcher.announced():
            yield

    async def ask(self, pictures: Sequence[Pixels]) -> list[tuple[float, ...]]:
        """What it says of each picture: a classifier its classes' probabilities, a ranker the score alone.

        Raises :class:`Problem` where too many are waiting, or the model fails.
        """
        try:
            return await self._batcher.ask(pictures)
        except QueueFull as error:
            raise Problem(
                503, "overloaded", f"too many images are waiting for {self.record.label}", headers={"Retry-After": "1"}
            ) from error
        except Exception as error:
            _log.exception("%s failed", self.record.label)
            raise Problem(503, "model_failed", f"{self.record.label} failed: {error}") from error

    async def retire(self) -> None:
        """Wait for the requests that use it, then free its thread."""
        while self._leases:
            self._idle.clear()
            await self._idle.wait()
        await self._batcher.close()


@dataclass
class _Slot:
    """``name`` as it was configured; ``fixed``: a version that is asked for; ``asked``: whether by the settings."""

    name: str
    fixed: int | None
    asked: bool
    current: ServedModel | None = None
    missing: bool = False
    problem: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.current is not None or (self.missing and not self.asked)


@dataclass(frozen=True)
class ModelState:
    """What there is to know of one served model. ``problem``: why its newest version, or any, does not answer."""

    name: str
    record: ModelRecord | None
    problem: str | None


class Models:
    """The models of a registry that the settings name.

    ``start`` begins to load them and then looks, every so often, whether another version has become current: that one
    is loaded and warmed beside the one that answers, and takes its place at once for all requests that come after. One
    that cannot be loaded leaves the old one answering, and is tried again.
    """

    def __init__(self, registry: Registry, config: Settings, metrics: Metrics) -> None:
        self.registry, self._config, self._metrics = registry, config, metrics
        asked = config.api_models is not None
        self._slots = {
            name: _Slot(name, _version_in(pinned(name, config)), asked) for name in config.api_models or DEFAULT_MODELS
        }
        self._looked = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    @property
    def are_ready(self) -> bool:
        """Whether each model that there is, and each that the settings name, can answer."""
        return self._looked and all(slot.is_ready for slot in self._slots.values())

    def states(self) -> list[ModelState]:
        """What there is to know of each."""
        return [
            ModelState(slot.name, slot.current.record if slot.current else None, slot.problem)
            for slot in self._slots.values()
        ]

    async def start(self) -> None:
        """Begin to load, and to look for changes."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Answer what is waiting, and stop."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        for slot in self._slots.values():
            if slot.current:
                self._retire(slot.current)
                slot.current = None
        if self._retiring:
            await asyncio.wait(self._retiring)

    @contextmanager
    def lease(self, name: str, task: str) -> Iterator[ServedModel]:
        """The model ``name``, for ``task``, in the version that is current now, for as long as the request takes.

        Raises :class:`Problem` where the service has none such.
        """
        slot = self._slot(name)
        model = slot.current
        if model is None:
            raise self._absence(slot)
        if model.record.task != task:
            raise Problem(422, "wrong_task", f"{model.record.label} is a model for {model.record.task}, not for {task}")
        with model.lease():
            yield model

    async def look(self) -> None:
        """Load whatever has become current since the last look."""
        for slot in self._slots.values():
            await self._refresh(slot)
        self._looked = True

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._config.api_model_refresh_seconds)

    async def _refresh(self, slot: _Slot) -> None:
        version = slot.fixed
        try:
            if version is None:
                pointer = await asyncio.to_thread(self.registry.current, slot.name)
                version = pointer.version if pointer else None
            slot.missing = version is None
            if version is None and slot.current is None:
                slot.problem = f"the registry has no {slot.name}. Train it with `{train_command(slot.name)}`"
            elif version is None or (slot.current and slot.current.record.version == version):
                slot.problem = None
            else:
                await self._swap(slot, version)
        # A storage that is away, a damaged model, a library's failure: none ends the service, or the next look.
        except Exception as error:
            self._metrics.failures.labels(slot.name).inc()
            problem = f"version {version} cannot be loaded: {error}" if version else f"cannot be looked for: {error}"
            if problem != slot.problem:
                _log.exception("%s: %s", slot.name, problem)
            slot.problem = problem

    async def _swap(self, slot: _Slot, version: int) -> None:
        label = ModelName.parse(slot.name).with_version(version).label
        model = await asyncio.to_thread(_load_warm, self.registry, label, self._config)
        before, slot.current, slot.problem = (
            slot.current,
            ServedModel(slot.name, model, self._config, self._metrics),
            None,
        )
        self._metrics.swaps.labels(slot.name).inc()
        self._metrics.version.labels(slot.name).set(version)
        _log.info("%s answers%s", model.name, f", in place of {before.record.label}" if before else "")
        if before:
            self._retire(before)

    def _retire(self, model: ServedModel) -> None:
        task = asyncio.create_task(model.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _slot(self, name: str) -> _Slot:
        for slot in self._slots.values():
            if name == slot.name or (slot.current and name == slot.current.record.label):
                return slot
        raise Problem(
            404,
            "model_not_served",
            f"{name!r} is not served; {', '.join(self._slots)} are. Whoever runs the service can add it to API_MODELS",
        )

    def _absence(self, slot: _Slot) -> Problem:
        if slot.problem is None:
            return Problem(
                503, "model_loading", f"{slot.name} is being loaded. Try again soon", headers={"Retry-After": "5"}
            )
        return Problem(503, "model_missing" if slot.missing else "model_damaged", f"{slot.name}: {slot.problem}")


@dataclass(frozen=True)
class _Watcher:
    """Counts what a model's batcher does."""

    model: str
    metrics: Metrics

    def computed(self, items: int, seconds: float) -> None:
        self.metrics.batch.labels(self.model).observe(items)
        self.metrics.forward.labels(self.model).observe(seconds)

    def waiting(self, items: int) -> None:
        self.metrics.queue.labels(self.model).set(items)

    def dropped(self, items: int) -> None:
        self.metrics.dropped.labels(self.model).inc(items)


def _version_in(name: str) -> int | None:
    return ModelName.parse(name).version


def _compute_of(model: ImageClassifier | Ranker) -> Callable[[list[Pixels]], Sequence[tuple[float, ...]]]:
    if isinstance(model, Ranker):
        return lambda crops: [(float(score),) for score in model.scores(crops)]
    return lambda pictures: [tuple(row) for row in model.predict(np.stack(pictures)).tolist()]


def _load_warm(registry: Registry, label: str, config: Settings) -> ImageClassifier | Ranker:
    """The model, after passes over one black picture and over as many as it will be given at once."""
    model: Any
    record = registry.record(label)
    check_classes(record, config)
    if record.task == RANKING:
        model = load_ranker(registry, label)
    else:
        model = load_classifier(registry, label, device=config.device, backend=config.backend)
    black = np.zeros((model.input.height, model.input.width, 3), np.uint8)
    compute = _compute_of(model)
    for count in (1, config.api_max_batch):
        compute([black] * count)
    return model  # type: ignore[no-any-return]
