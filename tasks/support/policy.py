"""Policies of tasks: caching, persistence and retries.

>>> @task(**ON_STORAGE)
... def read_metadata(file: Location) -> Metadata: ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from sightline.errors import InvalidInput, StorageError

__all__ = ["ON_SERVER", "ON_STORAGE", "PLAIN"]

_Condition: TypeAlias = Callable[[Task[..., Any], TaskRun, State[Any]], Coroutine[Any, Any, bool]]


class _Plain(TypedDict):
    cache_policy: CachePolicy
    persist_result: bool


class _Retried(_Plain):
    retries: int
    retry_delay_seconds: Callable[[int], list[float]]
    retry_condition_fn: _Condition


async def _storage_failed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether storage failed, which may be transient; an invalid file stays invalid."""
    return isinstance(await state.aresult(raise_on_failure=False), StorageError)


async def _server_failed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether the Prefect server failed, which may be transient; a missing deployment stays missing."""
    return not isinstance(await state.aresult(raise_on_failure=False), InvalidInput)


def _retried(condition: _Condition) -> _Retried:
    return {**PLAIN, "retries": 3, "retry_delay_seconds": exponential_backoff(2), "retry_condition_fn": condition}


PLAIN: _Plain = {"cache_policy": NO_CACHE, "persist_result": False}
"""No cache, no stored result, no retry: for work in memory, and for steps that must not be repeated."""

ON_STORAGE: _Retried = _retried(_storage_failed)
"""For a task that reads or writes a bucket: a storage error is retried with exponential backoff."""

ON_SERVER: _Retried = _retried(_server_failed)
"""For a task that calls the Prefect server: every error is retried except an invalid input."""
