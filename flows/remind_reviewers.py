"""Questions that nobody has answered in time → one alert."""

from __future__ import annotations

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict

from tasks.alerts import send_alert
from tasks.hooks import alert_on_failure
from tasks.reviews import alert_of_overdue, find_overdue, remember_told


class ReminderResult(BaseModel):
    """How many questions people were alerted of, by model."""

    model_config = ConfigDict(frozen=True)

    overdue: int
    models: dict[str, int]


@flow(
    name="remind-reviewers",
    flow_run_name="remind reviewers",
    on_failure=[alert_on_failure],
    on_crashed=[alert_on_failure],
)
def remind_reviewers() -> ReminderResult:
    """Alert people, once, of questions that nobody has answered in time."""
    overdue = find_overdue()
    names = [each.question.model for each in overdue]
    result = ReminderResult(overdue=len(overdue), models={name: names.count(name) for name in sorted(set(names))})
    alert = alert_of_overdue(overdue)
    if alert is None:
        # Prefect takes the state for the run's own, and its data for what the flow returns.
        return Completed(name="Skipped", message="no question has waited too long", data=result)  # type: ignore[return-value]
    send_alert(alert)
    remember_told(overdue)
    return result
