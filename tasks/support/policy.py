"""How tasks of a kind are run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from sightline.errors import StorageError

__all__ = ["ON_STORAGE"]


class _Policy(TypedDict):
    cache_policy: CachePolicy
    persist_result: bool
    retries: int
    retry_delay_seconds: Callable[[int], list[float]]
    retry_condition_fn: Callable[[Task[..., Any], TaskRun, State[Any]], Coroutine[Any, Any, bool]]


async def _storage_failed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """A network may come back; a bad file stays bad."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, StorageError)


ON_STORAGE: _Policy = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_condition_fn": _storage_failed,
}
"""For a task that reads or writes a bucket: what storage did not do is tried again."""
