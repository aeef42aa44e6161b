"""What happens when a flow run ends badly: the same hook for every flow.

>>> @flow(on_failure=[alert_on_failure], on_crashed=[alert_on_failure])
... def process_video(video: str) -> VideoResult: ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for
from pydantic import BaseModel

from sightline.alerts import Alert
from sightline.errors import ThresholdNotMet
from tasks.alerts import tell

__all__ = ["alert_on_failure"]

_MESSAGE = 1500
_TEXT = 200
_ITEMS = 10
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_QUERY = re.compile(r"(https?://)(?:[^/\s@]*@)?([^\s?]*)\?\S*")


def alert_on_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell people that the run failed or crashed, once. Raises nothing: the run has trouble enough."""
    logger = flow_run_logger(flow_run, flow)
    try:
        if state.name == "Skipped" or isinstance(_error_of(state), ThresholdNotMet):
            return  # A run that did not meet its threshold has told of its images before it ended.
        tell(_alert(flow, flow_run, state), logger, flow_run_id=flow_run.id)
    except Exception:
        logger.exception("Alerts: that this run has failed could not be told")


def _alert(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> Alert:
    name = str(state.name)
    return Alert(
        key=f"{run.id} {name}",
        kind="failure",
        title=f"{flow.name} {name.lower()}",
        facts={
            "flow": flow.name,
            "state": name,
            "message": (state.message or "none")[:_MESSAGE],
            **_notes(state),
            "parameters": json.dumps(_short(run.parameters), ensure_ascii=False, default=_short)[:_MESSAGE],
        },
        run_name=run.name,
        run_url=url_for("flow-run", obj_id=str(run.id)),
        run_id=str(run.id),
        at=state.timestamp or datetime.now(UTC),
    )


def _notes(state: State[Any]) -> dict[str, str]:
    """What the flow has noted of its failure: a gate's table, say."""
    notes = getattr(_error_of(state), "__notes__", ())
    return {"notes": "\n".join(notes)[:_MESSAGE]} if notes else {}


def _error_of(state: State[Any]) -> Any:
    try:
        return state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    except PrefectException:  # The state has come from the server, without what was raised.
        return None


def _short(value: Any, name: str = "") -> Any:
    """A parameter as people may read it: long texts cut, long lists too, and secrets left out."""
    if _SECRET.search(name) and value is not None:
        return "********"
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return {str(key): _short(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        each = list(value)
        rest = [f"and {len(each) - _ITEMS:,} more"] if len(each) > _ITEMS else []
        return [_short(item) for item in each[:_ITEMS]] + rest
    if value is None or isinstance(value, bool | int | float):
        return value
    text = _QUERY.sub(r"\1\2?…", str(value))
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}… (of {len(text):,} characters)"
