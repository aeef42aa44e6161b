"""Options and helpers that every flow shares: alerts when a run fails or crashes, and skipped runs.

>>> @sightline_flow(name="process-video", flow_run_name="process {video}")
... def process_video(video: str) -> VideoResult:
...     if stored := find_session(video):
...         return skipped(f"{video} was processed before", VideoResult.of(stored))
...     ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, State, flow
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed

from tasks.support.hooks import alert_on_failure
from tasks.support.runner import ConfiguredTaskRunner

__all__ = ["alerted_by_parent", "sightline_flow", "skipped"]

P = ParamSpec("P")
R = TypeVar("R")


def sightline_flow(
    *, name: str, flow_run_name: str | Callable[[], str], distributed: bool = False
) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Make a function a flow that sends an alert when a run fails or crashes.

    Args:
        name: The flow's name, which is also the name of its command.
        flow_run_name: The run's name: a template over the parameters, or a function that returns it.
        distributed: Run the mapped tasks on the task runner that TASK_RUNNER names.
    """
    options: dict[str, Any] = {"task_runner": ConfiguredTaskRunner()} if distributed else {}
    return flow(
        name=name, flow_run_name=flow_run_name, on_failure=[alert_on_failure], on_crashed=[alert_on_failure], **options
    )


def alerted_by_parent(subflow: Flow[P, R]) -> Flow[P, R]:
    """Return the flow, to be called as a subflow, without an alert of its own.

    A subflow that fails also fails its parent, whose hook sends the alert.
    """
    return subflow.with_options(on_failure=[_no_alert], on_crashed=[_no_alert])


def skipped(message: str, result: R) -> R:
    """End the run as Skipped, a completed state, with a reason and a result.

    Return the value from the flow: Prefect uses it as the run's state, and its data as the flow's result.
    """
    return cast("R", Completed(name="Skipped", message=message, data=result))


def _no_alert(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Do nothing. ``with_options`` ignores an empty list of hooks, so a hook is needed to replace them."""
