"""Options and helpers that every flow shares: a timeout, alerts when a run fails or crashes, and skipped runs.

>>> @sightline_flow(name="process-video", flow_run_name="process {video}")
... def process_video(video: str) -> VideoResult:
...     if stored := find_session(video):
...         return skipped(f"{video} was processed before", VideoResult.of(stored))
...     ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow
from prefect.states import Completed

from tasks.support.hooks import alert_on_failure
from tasks.support.runner import ConfiguredTaskRunner
from tasks.support.timeouts import FlowTimeout, TimedFlow

__all__ = ["not_promoted", "sightline_flow", "skipped"]

P = ParamSpec("P")
R = TypeVar("R")


def sightline_flow(
    *,
    name: str,
    flow_run_name: str | Callable[[], str],
    timeout: FlowTimeout = "flow_timeout_seconds",
    distributed: bool = False,
) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a function a flow that has a timeout, and sends an alert when a run fails or crashes.

    Args:
        name: The flow's name, which is also the name of its command.
        flow_run_name: The run's name: a template over the parameters, or a function that returns it.
        timeout: The setting that holds the timeout.
        distributed: Run the mapped tasks on the task runner that TASK_RUNNER names.
    """
    options: dict[str, Any] = {"task_runner": ConfiguredTaskRunner()} if distributed else {}

    def decorate(function: Callable[P, R]) -> Flow[P, R]:
        return TimedFlow(
            function,
            timeout=timeout,
            name=name,
            flow_run_name=flow_run_name,
            on_failure=[alert_on_failure],
            on_crashed=[alert_on_failure],
            **options,
        )

    return decorate


def not_promoted(message: str, result: R) -> R:
    """End a training as Not promoted, a completed state, with the reason, which is shown first, and a result."""
    return cast("R", Completed(name="Not promoted", message=message, data=result))


def skipped(message: str, result: R) -> R:
    """End the run as Skipped, a completed state, with a reason and a result.

    Return the value from the flow: Prefect uses it as the run's state, and its data as the flow's result.
    """
    return cast("R", Completed(name="Skipped", message=message, data=result))
