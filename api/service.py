"""The parts of a running service, which its routes share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from api.metrics import Metrics
from api.models import Models
from api.people import People
from api.reading import Reader
from sightline.registry import Registry
from sightline.settings import Settings

__all__ = ["Service"]


@dataclass(frozen=True)
class Service:
    """Models, people finders and what reads images, with the figures that they all keep."""

    config: Settings
    metrics: Metrics
    models: Models
    people: People
    reader: Reader

    @classmethod
    def of(cls, config: Settings) -> Self:
        """The service that the settings describe, not yet running. Raises ``InvalidModelName``."""
        metrics = Metrics()
        registry = Registry(config.models)
        return cls(config, metrics, Models(registry, config, metrics), People(), Reader(config, metrics))

    @property
    def is_ready(self) -> bool:
        """Whether every model is loaded and warm."""
        return self.models.are_ready and self.people.are_ready

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While inside, models are loaded and kept current; at the end, what is waiting is answered."""
        await self.models.start()
        await self.people.start()
        try:
            yield
        finally:
            await self.models.close()
            await self.people.close()
