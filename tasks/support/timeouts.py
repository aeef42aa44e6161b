"""Timeouts of flows and tasks: read from the settings when a run starts, and named in the error when it is stopped.

Prefect reads ``timeout_seconds`` of a flow or task when a run starts, and formats it into its messages. Here that
attribute is a :class:`Timeout`, whose text names the setting.

A step ends no later than the flow that contains it. Otherwise Prefect reports a flow's timeout as that of the step in
progress, and a step in a thread continues after its flow has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext, TaskRunContext
from prefect.tasks import Task

from sightline.clock import now_in_utc
from sightline.settings import settings

__all__ = ["FlowTimeout", "TaskTimeout", "TimedFlow", "TimedTask", "Timeout"]

P = ParamSpec("P")
R = TypeVar("R")

FlowTimeout: TypeAlias = Literal["flow_timeout_seconds", "training_timeout_seconds"]
TaskTimeout: TypeAlias = Literal["task_timeout_seconds", "flow_timeout_seconds", "training_timeout_seconds"]
"""The setting that holds the timeout of a flow or of a task."""

_GRACE = 1.0  # seconds that the flow's own alarm, which also interrupts system calls, is given before a step's timeout
_SHORTEST = 0.001  # zero would disable Prefect's timer


@dataclass(frozen=True)
class _Limit:
    """The value of a setting, as the timeout of one flow or task."""

    setting: TaskTimeout
    seconds: float
    name: str

    def __str__(self) -> str:
        # Prefect writes this between "exceeded timeout of" or "timed out after", and "second(s)".
        seconds = f"{self.seconds:.10g}"
        return (
            f"{self.setting.upper()} ({seconds} s) in {self.name}. Work that is already stored is kept: run it again "
            f"to continue, or raise the setting above {seconds}"
        )


@dataclass(frozen=True)
class _Deadline:
    at: datetime
    limit: _Limit


class Timeout(float):
    """A number of seconds whose text names its setting, the flow or task, and what to do."""

    _limit: _Limit

    def __new__(cls, seconds: float, limit: _Limit) -> Timeout:
        """Create the timeout of a run that ends after ``seconds``, because of ``limit``."""
        timeout = super().__new__(cls, seconds)
        timeout._limit = limit
        return timeout

    def __str__(self) -> str:
        return str(self._limit)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)


_enclosing: ContextVar[_Deadline | None] = ContextVar("deadline of the flow that called this one", default=None)


class TimedFlow(Flow[P, R]):
    """A flow with the timeout in a setting."""

    def __init__(self, fn: Callable[P, R], *, timeout: FlowTimeout, **options: Any) -> None:
        """Create the flow. ``options`` are those of Prefect's flows."""
        self.timeout_setting = timeout
        super().__init__(fn, **options)

    @property
    def timeout_seconds(self) -> Timeout:
        """The timeout of the run in this context, or of one that starts now."""
        run = FlowRunContext.get()
        started = run.start_time if run and run.flow is self else now_in_utc()
        return _timeout(self._limit, started, _enclosing.get())

    @timeout_seconds.setter
    def timeout_seconds(self, value: float | None) -> None:
        """Do nothing. Prefect's constructor sets its own default."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow. A subflow gets the deadline of its parent, and is not started after it."""
        settings()  # An invalid setting is reported here. Where Prefect reads the timeout, it would hide the reason.
        deadline = _deadline(FlowRunContext.get())
        if deadline and deadline.at <= now_in_utc():
            from prefect.flow_engine import FlowRunTimeoutError

            raise FlowRunTimeoutError(f"{self.name} was not started: no time is left of {deadline.limit} second(s)")
        token = _enclosing.set(deadline)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            _enclosing.reset(token)

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON values. Those that are JSON values already do not need FastAPI's encoder.

        Importing FastAPI takes a third as long as importing Prefect.
        """
        rest = {name: value for name, value in parameters.items() if not _is_json(value)}
        return parameters | super().serialize_parameters(rest) if rest else parameters

    @property
    def _limit(self) -> _Limit:
        return _Limit(self.timeout_setting, getattr(settings(), self.timeout_setting), self.name)


class TimedTask(Task[P, R]):
    """A task with the timeout in a setting."""

    def __init__(self, fn: Callable[P, R], *, timeout: TaskTimeout, **options: Any) -> None:
        """Create the task. ``options`` are those of Prefect's tasks."""
        self.timeout_setting = timeout
        super().__init__(fn, **options)

    @property
    def timeout_seconds(self) -> Timeout:
        """The timeout of the run in this context, or of one that starts now."""
        run = TaskRunContext.get()
        started = run.start_time if run and run.task is self else now_in_utc()
        limit = _Limit(self.timeout_setting, getattr(settings(), self.timeout_setting), self.name)
        return _timeout(limit, started, _deadline(FlowRunContext.get()))

    @timeout_seconds.setter
    def timeout_seconds(self, value: float | None) -> None:
        """Do nothing. Prefect's constructor sets its own default."""


def _is_json(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(item) for name, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _timeout(limit: _Limit, started: datetime, enclosing: _Deadline | None) -> Timeout:
    if enclosing is None or started + timedelta(seconds=limit.seconds) <= enclosing.at:
        return Timeout(limit.seconds, limit)
    left = (enclosing.at - now_in_utc()).total_seconds()
    return Timeout(max(left + _GRACE, _SHORTEST), enclosing.limit)


def _deadline(run: FlowRunContext | None) -> _Deadline | None:
    """Return when the flow's run must end, by its own timeout or by that of the flow that called it."""
    if run is None or not isinstance(run.flow, TimedFlow):
        return None
    own = _Deadline(run.start_time + timedelta(seconds=run.flow._limit.seconds), run.flow._limit)
    enclosing = _enclosing.get()
    return enclosing if enclosing and enclosing.at < own.at else own


def _is_needed(record: logging.LogRecord) -> bool:
    # Prefect logs at the start of every mapped task that a thread cannot be interrupted in a system call. The flow's
    # timeout in the main thread can, and the reconciler stops a run from outside if neither has an effect.
    return not str(record.msg).startswith("Timeout of %s seconds configured for this task")


logging.getLogger("prefect.task_runs").addFilter(_is_needed)
