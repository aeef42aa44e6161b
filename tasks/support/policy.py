"""The decorator of all tasks, and their policies: timeout, caching, persistence and retries.

>>> @sightline_task(**ON_STORAGE)
... def read_metadata(file: Location) -> Metadata: ...
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeAlias, TypedDict, TypeVar

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_engine import TaskRunTimeoutError
from prefect.tasks import Task, exponential_backoff

from sightline.errors import InvalidInput, StorageError
from tasks.support.timeouts import TaskTimeout, TimedTask

__all__ = ["ON_SERVER", "ON_STORAGE", "PLAIN", "sightline_task"]

P = ParamSpec("P")
R = TypeVar("R")

_Condition: TypeAlias = Callable[[Task[..., Any], TaskRun, State[Any]], Coroutine[Any, Any, bool]]


def sightline_task(
    *, timeout: TaskTimeout = "task_timeout_seconds", **options: Any
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task that has a timeout.

    Args:
        timeout: The setting that holds the timeout. A task that may take hours has that of its flow.
        **options: A policy of this module, and other options of Prefect's tasks.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return TimedTask(function, timeout=timeout, **options)

    return decorate


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
    """Return whether the Prefect server failed, which may be transient; a missing deployment stays missing.

    A task that exceeded its timeout is not repeated: it would exceed it again.
    """
    return not isinstance(await state.aresult(raise_on_failure=False), InvalidInput | TaskRunTimeoutError)


def _retried(condition: _Condition) -> _Retried:
    return {**PLAIN, "retries": 3, "retry_delay_seconds": exponential_backoff(2), "retry_condition_fn": condition}


PLAIN: _Plain = {"cache_policy": NO_CACHE, "persist_result": False}
"""No cache, no stored result, no retry: for work in memory, and for steps that must not be repeated."""

ON_STORAGE: _Retried = _retried(_storage_failed)
"""For a task that reads or writes a bucket: a storage error is retried with exponential backoff."""

ON_SERVER: _Retried = _retried(_server_failed)
"""For a task that calls the Prefect server: every error is retried except an invalid input or a timeout."""
