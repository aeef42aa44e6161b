"""Durations of the stages of a flow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Timings"]


class Timings(dict[str, float]):
    """Seconds by stage, in the order in which the stages ended."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the duration of the block as this stage."""
        start = time.perf_counter()
        yield
        self[name] = time.perf_counter() - start
