"""What every flow shares: alerts when a run fails or crashes, and the way a run ends that has nothing to do.

>>> @sightline_flow(name="process-video", flow_run_name="process {video}")
... def process_video(video: str) -> VideoResult:
...     if stored := find_session(video):
...         return skipped(f"{video} was processed before", VideoResult.of(stored))
...     ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, flow
from prefect.states import Completed

from tasks.support.hooks import alert_on_failure
from tasks.support.runner import ConfiguredTaskRunner

__all__ = ["sightline_flow", "skipped"]

P = ParamSpec("P")
R = TypeVar("R")


def sightline_flow(
    *, name: str, flow_run_name: str | Callable[[], str], distributed: bool = False
) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a function a flow whose failures and crashes are alerted.

    Args:
        name: The flow's name, which is also its command's.
        flow_run_name: A run's name: a template over the parameters, or a function that returns it.
        distributed: Run the mapped tasks on the task runner that TASK_RUNNER names.
    """
    options: dict[str, Any] = {"task_runner": ConfiguredTaskRunner()} if distributed else {}
    return flow(
        name=name, flow_run_name=flow_run_name, on_failure=[alert_on_failure], on_crashed=[alert_on_failure], **options
    )


def skipped(message: str, result: R) -> R:
    """End the run as Skipped, a completed state, with a reason and a result.

    Return the value from the flow: Prefect takes the state as the run's own, and its data as what the flow returns.
    """
    return cast("R", Completed(name="Skipped", message=message, data=result))
