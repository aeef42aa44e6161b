"""Models that are loaded once per process.

>>> @loaded_once
... def load(registry: str, model: str) -> Ranker: ...
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import Lock
from typing import ParamSpec, TypeVar

__all__ = ["loaded_once"]

P = ParamSpec("P")
R = TypeVar("R")

_MODELS = 4


def loaded_once(load: Callable[P, R]) -> Callable[P, R]:
    """Cache the last models that ``load`` returned, by its arguments, and run one call at a time.

    Tasks that need the same model at the same time share one copy, which is loaded and checked once.
    """
    cached, lock = lru_cache(maxsize=_MODELS)(load), Lock()

    @wraps(load)
    def loaded(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return cached(*args, **kwargs)  # type: ignore[arg-type]  # hashable, as lru_cache requires

    return loaded
