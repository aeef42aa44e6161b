"""The hook that every flow has: it sends an alert when a run fails or crashes.

>>> @flow(on_failure=[alert_on_failure], on_crashed=[alert_on_failure])
... def process_video(video: str) -> VideoResult: ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for
from pydantic import BaseModel

from sightline.alerts import Alert
from sightline.clock import now_in_utc
from sightline.errors import ThresholdNotMet
from tasks.alerts import deliver

__all__ = ["alert_on_failure"]

_MAX_MESSAGE = 1500
_MAX_TEXT = 200
_MAX_ITEMS = 10
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_QUERY = re.compile(r"(https?://)(?:[^/\s@]*@)?([^\s?]*)\?\S*")


def alert_on_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Send one alert about a failed or crashed run. Raises nothing, so the run's own error stays visible.

    A run that did not meet its confidence threshold sent an alert about its images before it failed, so it gets no
    second one.
    """
    logger = flow_run_logger(flow_run, flow)
    try:
        if state.name == "Skipped" or isinstance(_error_of(state), ThresholdNotMet):
            return
        deliver(_failure_alert(flow, flow_run, state), logger, flow_run_id=flow_run.id)
    except Exception:
        logger.exception("Alerts: no alert about this failure was sent")


def _failure_alert(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> Alert:
    name = str(state.name)
    return Alert(
        key=f"{run.id} {name}",
        kind="failure",
        title=f"{flow.name} {name.lower()}",
        facts={
            "flow": flow.name,
            "state": name,
            "message": (state.message or "none")[:_MAX_MESSAGE],
            **_notes(state),
            "parameters": json.dumps(_readable(run.parameters), ensure_ascii=False, default=_readable)[:_MAX_MESSAGE],
        },
        run_name=run.name,
        run_url=url_for("flow-run", obj_id=str(run.id)),
        run_id=str(run.id),
        at=state.timestamp or now_in_utc(),
    )


def _notes(state: State[Any]) -> dict[str, str]:
    """Return the notes that the flow added to its error, such as the table of a training gate."""
    notes = getattr(_error_of(state), "__notes__", ())
    return {"notes": "\n".join(notes)[:_MAX_MESSAGE]} if notes else {}


def _error_of(state: State[Any]) -> Any:
    try:
        return state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    except PrefectException:  # The state comes from the server, which does not have the exception.
        return None


def _readable(value: Any, name: str = "") -> Any:
    """Return a parameter with long texts and lists truncated, and secrets masked."""
    if _SECRET.search(name) and value is not None:
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
    text = _QUERY.sub(r"\1\2?…", str(value))
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… (of {len(text):,} characters)"
