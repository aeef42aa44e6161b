"""The parts of a running service that its routes share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from api.metrics import Metrics
from api.models import Models
from api.preparers import PreparerPool
from api.reading import ImageReader
from sightline.registry import Registry
from sightline.settings import Settings

__all__ = ["Service"]


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
        metrics = Metrics()
        models = Models(Registry(config.models), config, metrics)
        return cls(config, metrics, models, PreparerPool(), ImageReader(config, metrics))

    @property
    def is_ready(self) -> bool:
        """Whether every model is loaded and warmed up."""
        return self.models.are_ready and self.preparers.are_ready

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models and keep them current; at the end, complete the waiting requests."""
        await self.models.start()
        await self.preparers.start()
        try:
            yield
        finally:
            await self.models.close()
            await self.preparers.close()
