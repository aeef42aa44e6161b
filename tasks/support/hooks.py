"""The hook that every flow has: it sends an alert when a run fails or crashes.

The reconciler sends the same alert, with the same key, if the hook did not; so it arrives once.

>>> @flow(on_failure=[alert_on_failure], on_crashed=[alert_on_failure])
... def process_video(video: str) -> VideoResult: ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for
from pydantic import BaseModel

from sightline.alerts import Alert, truncated
from sightline.errors import ThresholdNotMet
from sightline.settings import settings
from sightline.urls import names_a_secret, without_credentials
from tasks.alerts import deliver

__all__ = ["alert_on_failure", "failure_alert"]

_MAX_MESSAGE = 1500
_MAX_TEXT = 200
_MAX_ITEMS = 10
_THRESHOLD_NOT_MET = f"Flow run encountered an exception: {ThresholdNotMet.__name__}: "
_ENDED = {"TimedOut": "timed out"}
_CONFIDENTIAL = frozenset({"erase-patient"})
"""Flows whose parameters are in no alert."""


def alert_on_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Send one alert about a failed or crashed run. Raises nothing, so the run's own error stays visible.

    A subflow sends none: its failure also fails the flow that called it. With SUPERVISED, a crashed run sends none:
    the reconciler retries it, and sends an alert when it gives up.
    """
    logger = flow_run_logger(flow_run, flow)
    try:
        if flow_run.parent_task_run_id is not None or (state.is_crashed() and settings().supervised):
            return
        alert = failure_alert(
            flow_name=flow.name,
            run_id=str(flow_run.id),
            run_name=flow_run.name,
            run_url=url_for("flow-run", obj_id=str(flow_run.id)),
            state_name=str(state.name),
            message=state.message,
            parameters=flow_run.parameters,
            notes=_notes(state),
            at=state.timestamp,
        )
        if alert:
            deliver(alert, logger, flow_run_id=flow_run.id)
    except Exception:
        logger.exception("Alerts: no alert about this failure was sent")


def failure_alert(
    *,
    flow_name: str,
    run_id: str,
    run_name: str,
    run_url: str | None,
    state_name: str,
    message: str | None,
    parameters: Mapping[str, Any],
    notes: str | None = None,
    at: datetime,
) -> Alert | None:
    """Return the alert about a run that did not complete; None if it gets none.

    A run that did not meet its confidence threshold sent an alert about its images before it failed, so it gets no
    second one.

    Args:
        flow_name: The name of the flow.
        run_id: The run.
        run_name: The run's name.
        run_url: The run's page in the Prefect UI.
        state_name: The name of the run's state, such as Failed, Crashed or TimedOut.
        message: The message of the state, as the server stores it.
        parameters: The run's parameters. Long values are truncated, and secrets are masked.
        notes: What the flow noted about its error, such as the table of a training gate.
        at: The timestamp of the state, as the server stores it.
    """
    message = without_credentials(message or "")
    if state_name == "Skipped" or message.startswith(_THRESHOLD_NOT_MET):
        return None
    # A run that is started again and fails alike on the same day is the same fault.
    digest = sha256(message.encode()).hexdigest()[:12]
    return Alert(
        key=f"{run_id} {state_name} {digest} {at.astimezone(UTC):%Y-%m-%d}",
        kind="failure",
        title=f"{flow_name} {_ENDED.get(state_name, state_name.lower())}",
        facts={
            "flow": flow_name,
            "state": state_name,
            "message": truncated(message or "none", _MAX_MESSAGE),
            **({"notes": truncated(without_credentials(notes), _MAX_MESSAGE)} if notes else {}),
            **({} if flow_name in _CONFIDENTIAL else {"parameters": _as_text(parameters)}),
        },
        run_name=without_credentials(run_name),
        run_url=run_url,
        run_id=run_id,
        at=at,
    )


def _notes(state: State[Any]) -> str | None:
    """Return the notes that the flow added to its error, such as the table of a training gate."""
    try:
        error = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    except PrefectException:  # The state comes from the server, which does not have the exception.
        return None
    return "\n".join(getattr(error, "__notes__", ())) or None


def _as_text(parameters: Mapping[str, Any]) -> str:
    return truncated(json.dumps(_readable(parameters), ensure_ascii=False, default=_readable), _MAX_MESSAGE)


def _readable(value: Any, name: str = "") -> Any:
    """Return a parameter with long texts and lists truncated, and secrets masked."""
    if names_a_secret(name) and value is not None:
        return "********"
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return {str(key): _readable(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        items = list(value)
        rest = [f"and {len(items) - _MAX_ITEMS:,} more"] if len(items) > _MAX_ITEMS else []
        return [_readable(item) for item in items[:_MAX_ITEMS]] + rest
    if value is None or isinstance(value, bool | int | float):
        return value
    text = without_credentials(str(value))
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… (of {len(text):,} characters)"
