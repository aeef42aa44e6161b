"""The parts of a running service that its routes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

from api.metrics import Metrics
from api.models import Models
from api.preparers import PreparerPool
from api.problems import Problem
from api.reading import ImageReader
from api.served_model import ServedModel
from sightline.registry import Registry
from sightline.settings import Settings

__all__ = ["LOADING", "PEOPLE", "Service"]

PEOPLE, LOADING = "people in photos", "it is loading"
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Service:
    """The models, the threads that find people, and the reader of images, with one set of metrics."""

    config: Settings
    metrics: Metrics
    models: Models
    preparers: PreparerPool
    reader: ImageReader

    @classmethod
    def create(cls, config: Settings) -> Self:
        """Return a service that is not running yet. Raises ``InvalidModelName``."""
        metrics, preparers = Metrics(), PreparerPool()
        models = Models(Registry(config.models), config, metrics, before_ranking=preparers.start)
        return cls(config, metrics, models, preparers, ImageReader(config, metrics))

    @property
    def is_ready(self) -> bool:
        """Whether all that can be loaded is loaded and warmed up, and requests to it are processed."""
        return self.models.are_ready and not self.preparers.is_loading

    @property
    def not_served(self) -> dict[str, str]:
        """What the service cannot use at the moment, with the reason: models, and the detection of people."""
        reasons = {state.name: state.problem or LOADING for state in self.models.states() if state.record is None}
        if self.preparers.problem or self.preparers.is_loading:
            reasons[PEOPLE] = self.preparers.problem or LOADING
        return reasons

    @asynccontextmanager
    async def lease(self, name: str, task: str, read: Callable[[], Awaitable[object]]) -> AsyncIterator[ServedModel]:
        """Return the current version of the model ``name``, which is not retired before the context ends.

        Raises :class:`Problem` if it is not in use. ``read``, which reads the images of the request, is then called
        first: an error that the caller has to correct is reported before one that only the operator can.
        """
        with ExitStack() as stack:
            try:
                model = stack.enter_context(self.models.lease(name, task))
            except Problem as problem:
                if problem.status == _UNAVAILABLE:
                    await read()
                raise
            yield model

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models and keep them current; at the end, complete the waiting requests."""
        await self.models.start()
        try:
            yield
        finally:
            await self.models.close()
            await self.preparers.close()
