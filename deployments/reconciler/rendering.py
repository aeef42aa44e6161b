"""Alerts of the reconciler, and the messages of the states that it sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.utilities.urls import url_for

from deployments.reconciler.conditions import Outage
from deployments.reconciler.server import state_of
from sightline.alerts import Alert
from tasks.support.hooks import failure_alert

__all__ = [
    "failed_alert",
    "given_up_alert",
    "outage_alert",
    "pool_alert",
    "recovered_alert",
    "service_alert",
    "timeout_message",
]


def given_up_alert(run: FlowRun, flow: str, crashes: Sequence[State[Any]]) -> Alert:
    """Return the alert about a run that is not retried any more."""
    count = f"{len(crashes)} times" if len(crashes) > 1 else "once"
    return _about(
        run,
        key=f"{run.id} given up {run.state_id}",
        kind="failure",
        title=f"{flow} crashed {count} and is not retried any more",
        facts={
            "flow": flow,
            **_messages(crashes),
            "fix": "Remove the cause, then retry the run in the Prefect UI",
        },
    )


def recovered_alert(run: FlowRun, flow: str, crashes: Sequence[State[Any]]) -> Alert:
    """Return the alert about a run that crashed and was then completed."""
    retries = "1 retry" if len(crashes) == 1 else f"{len(crashes)} retries"
    return _about(
        run,
        key=f"{run.id} recovered {run.state_id}",
        title=f"{flow} crashed and was completed by {retries}",
        facts={"flow": flow, **_messages(crashes), "fix": "None is needed"},
    )


def failed_alert(run: FlowRun, flow: str) -> Alert | None:
    """Return the alert that the hook of a failed run sends; None if it sends none."""
    return failure_alert(
        flow_name=flow,
        run_id=str(run.id),
        run_name=run.name,
        run_url=url_for("flow-run", obj_id=str(run.id)),
        state_name=str(state_of(run).name),
        message=state_of(run).message,
        parameters=run.parameters,
        at=state_of(run).timestamp,
    )


def outage_alert(service: str, outage: Outage) -> Alert:
    """Return the alert about an outage that is over."""
    seconds = (outage.until - outage.since).total_seconds()
    length = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return Alert(
        key=f"outage of {service} {outage.since.isoformat()}",
        kind="failure",
        title=f"{service} did not respond for {length}",
        facts={
            "since": f"{outage.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "until": f"{outage.until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "reason": outage.reason,
            "effect": "Running flows waited and continue; uploads and runs that were due start now",
        },
        at=outage.until,
    )


def pool_alert(pool: str, condition: str, now: datetime) -> Alert:
    """Return the alert about a work pool that needs attention."""
    return Alert(
        key=f"pool {pool} {now.isoformat()}",
        kind="failure",
        title=f"The work pool {pool} needs attention",
        facts={
            "condition": condition,
            "fix": "Check that the pool's worker runs, and that the limits of the pool and its queues are high enough",
        },
        at=now,
    )


def service_alert(service: str, condition: str, now: datetime) -> Alert:
    """Return the alert about a service that responds, but needs attention."""
    return Alert(
        key=f"condition of {service} {now.isoformat()}",
        kind="failure",
        title=f"{service} needs attention",
        facts={"condition": condition, "fix": "Check that the listener runs, and read its log"},
        at=now,
    )


def timeout_message(setting: str, seconds: float) -> str:
    """Return the message of a run that its timeout could not stop from within."""
    return (
        f"The run exceeded {setting.upper()} ({seconds:g} s), did not end by itself, and its container was stopped. "
        "Work that is stored is kept: run it again to continue, or raise the setting"
    )


def _messages(crashes: Sequence[State[Any]]) -> dict[str, str]:
    return {f"crash {number}": state.message or "none" for number, state in enumerate(crashes, start=1)}


def _about(run: FlowRun, **fields: Any) -> Alert:
    return Alert(
        run_name=run.name,
        run_url=url_for("flow-run", obj_id=str(run.id)),
        run_id=str(run.id),
        at=state_of(run).timestamp,
        **fields,
    )
