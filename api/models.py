"""The served models: loaded once, warmed up, and replaced while requests run when another version becomes current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from api.metrics import Metrics
from api.problems import Problem
from api.served_model import ServedModel, load_and_warm_up
from sightline.names import ModelName
from sightline.ranking import TASK as RANKING
from sightline.registry import ModelDamaged, ModelRecord, Registry
from sightline.settings import Settings
from sightline.vision import TASK as CLASSIFICATION
from sightline.vision.posture_settings import pinned

__all__ = ["DEFAULT_MODELS", "ModelState", "Models", "train_command"]

_log = logging.getLogger(__name__)

DEFAULT_MODELS = ("vehicles", "posture", "running-style")
"""The models whose absence is reported if the settings name none. The registry's others are served too."""

_TASKS = (CLASSIFICATION, RANKING)
_REFRESHES = 6  # between two searches for new models, which list the complete registry


def train_command(name: str) -> str:
    """Return the command that trains a model with this name."""
    if name == "running-style":
        return "sightline train-ranking DATA"
    return f"sightline train-image-classifier {name} DATA"


@dataclass
class _Slot:
    """A configured model.

    ``name``: as it was configured. ``version``: the version to serve, None for the current one. ``required``: whether
    the settings name the model. ``tried``: whether the first attempt to load it has ended, in whichever way.
    """

    name: str
    version: int | None
    required: bool
    current: ServedModel | None = None
    tried: bool = False
    missing: bool = False
    problem: str | None = None

    @property
    def is_dispensable(self) -> bool:
        return self.missing and not self.required


@dataclass(frozen=True)
class ModelState:
    """The state of one served model. ``problem``: why no version, or not the newest one, is in use."""

    name: str
    record: ModelRecord | None
    problem: str | None


class Models:
    """The models of a registry that the settings name, by default all that classify or rank images.

    ``start`` loads them, and then checks regularly whether another version has become current. A new version is loaded
    and warmed up beside the old one, and then replaces it for all later requests. If it cannot be loaded, the old one
    stays in use, and loading is retried at the next check. Every model is loaded and checked by its own task: one that
    is damaged, missing or slow to load delays no other.
    """

    def __init__(
        self, registry: Registry, config: Settings, metrics: Metrics, before_ranking: Callable[[], None] = lambda: None
    ) -> None:
        """Prepare the models. ``before_ranking`` is called before a ranking model is taken into use."""
        self.registry, self._config, self._metrics = registry, config, metrics
        self._before_ranking = before_ranking
        required = config.api_models is not None
        self._slots = {
            name: _Slot(name, ModelName.parse(pinned(name, config)).version, required)
            for name in config.api_models or DEFAULT_MODELS
        }
        self._serves_all = not required
        self._searched = required
        self._not_served: set[tuple[str, int]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def are_ready(self) -> bool:
        """Whether the first attempt to load every model has ended, and one is in use if there is one to use.

        A model that cannot be used is a problem of its own requests only: those to the other models are processed.
        """
        slots = self._slots.values()
        in_use = any(slot.current for slot in slots) or all(slot.is_dispensable for slot in slots)
        return self._searched and in_use and all(slot.tried for slot in slots)

    def states(self) -> list[ModelState]:
        """Return the state of each model."""
        return [
            ModelState(slot.name, slot.current.record if slot.current else None, slot.problem)
            for slot in self._slots.values()
        ]

    def is_in_use(self, name: str) -> bool:
        """Return whether a version of the model ``name`` is in use. Raises :class:`Problem` for an unknown model."""
        return self._slot(name).current is not None

    async def start(self) -> None:
        """Begin to load the models and to check for new versions."""
        for slot in self._slots.values():
            self._begin(self._watch(slot))
        if self._serves_all:
            self._begin(self._search())

    def _begin(self, watch: Coroutine[Any, Any, None]) -> None:
        self._watching.add(asyncio.create_task(watch))

    async def close(self) -> None:
        """Complete the waiting requests, and stop."""
        for watching in self._watching:
            watching.cancel()
        if self._watching:
            await asyncio.wait(self._watching)
        for slot in self._slots.values():
            if slot.current:
                self._retire(slot.current)
                slot.current = None
        if self._retiring:
            await asyncio.wait(self._retiring)

    @contextmanager
    def lease(self, name: str, task: str) -> Iterator[ServedModel]:
        """Return the current version of the model ``name``, which is not retired before the context ends.

        Raises :class:`Problem` if the service does not serve such a model, or if its task is not ``task``.
        """
        slot = self._slot(name)
        model = slot.current
        if model is None:
            raise self._unavailable(slot)
        if model.record.task != task:
            raise Problem(422, "wrong_task", f"{model.record.label} is a model for {model.record.task}, not for {task}")
        with model.lease():
            yield model

    async def refresh(self) -> None:
        """Find new models, and load the versions that have become current since the last call."""
        if self._serves_all:
            await self._find_new()
        await asyncio.gather(*map(self._refresh_slot, self._slots.values()))

    async def _search(self) -> None:
        while True:
            for slot in await self._find_new():
                self._begin(self._watch(slot))
            await asyncio.sleep(_REFRESHES * self._config.api_model_refresh_seconds)

    async def _find_new(self) -> list[_Slot]:
        """Add a slot for every model of the registry that classifies or ranks images and has none."""
        try:
            names = await asyncio.to_thread(self._unserved)
        # As for one model: unavailable storage must not end the service or the search.
        except Exception:
            _log.exception("the registry cannot be searched for models")
            names = []
        new = [_Slot(name, None, required=False) for name in names if name not in self._slots]
        self._slots |= {slot.name: slot for slot in new}
        self._searched = True
        return new

    def _unserved(self) -> list[str]:
        names = []
        for name in self.registry.names():
            if name in self._slots or ModelName(name).is_of_patient:
                continue
            pointer = self.registry.current(name)
            if pointer is None or (name, pointer.version) in self._not_served:
                continue
            try:
                is_served = self.registry.record(name, pointer.version).task in _TASKS
            except ModelDamaged:
                is_served = True  # loading it reports the damage
            if is_served:
                names.append(name)
            else:
                self._not_served.add((name, pointer.version))
        return names

    async def _watch(self, slot: _Slot) -> None:
        while True:
            await self._refresh_slot(slot)
            await asyncio.sleep(self._config.api_model_refresh_seconds)

    async def _refresh_slot(self, slot: _Slot) -> None:
        version = slot.version
        try:
            if version is None:
                pointer = await asyncio.to_thread(self.registry.current, slot.name)
                version = pointer.version if pointer else None
            if slot.missing and version is not None:
                slot.problem = None  # It is loading.
            slot.missing = version is None
            if version is None and slot.current is None:
                slot.problem = f"the registry has no model {slot.name}. Train it with `{train_command(slot.name)}`"
            elif version is None or (slot.current and slot.current.record.version == version):
                slot.problem = None
            else:
                await self._swap(slot, version)
        # Unavailable storage, a damaged model or a failing library must not end the service or the checks.
        except Exception as error:
            self._metrics.failures.labels(slot.name).inc()
            slot.missing = False
            problem = (
                f"version {version} cannot be loaded: {error}" if version else f"the registry cannot be read: {error}"
            )
            if problem != slot.problem:
                _log.exception("%s: %s", slot.name, problem)
            slot.problem = problem
        slot.tried = True

    async def _swap(self, slot: _Slot, version: int) -> None:
        label = ModelName.parse(slot.name).with_version(version).label
        model = await asyncio.to_thread(load_and_warm_up, self.registry, label, self._config)
        if model.record.task == RANKING:
            self._before_ranking()
        before = slot.current
        slot.current, slot.problem = ServedModel(slot.name, model, self._config, self._metrics), None
        self._metrics.swaps.labels(slot.name).inc()
        self._metrics.version.labels(slot.name).set(version)
        _log.info("%s is in use%s", model.name, f", it replaces {before.record.label}" if before else "")
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
            f"{name!r} is not served; the models are {', '.join(self._slots)}. The operator can "
            + ("train it" if self._serves_all else "add it to API_MODELS"),
        )

    def _unavailable(self, slot: _Slot) -> Problem:
        if slot.problem is None:
            return Problem(
                503, "model_loading", f"{slot.name} is loading. Try again soon", headers={"Retry-After": "5"}
            )
        return Problem(503, "model_missing" if slot.missing else "model_damaged", f"{slot.name}: {slot.problem}")
