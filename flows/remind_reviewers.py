"""Questions that were not answered in time → one alert."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.reviews import overdue_alert
from tasks.alerts import send_alert
from tasks.reviews import find_overdue, mark_alerted
from tasks.support.flow import sightline_flow, skipped


class ReminderResult(BaseModel):
    """The number of overdue questions in the alert, in all and by model."""

    model_config = ConfigDict(frozen=True)

    overdue: int
    models: dict[str, int]


@sightline_flow(name="remind-reviewers", flow_run_name="remind reviewers")
def remind_reviewers() -> ReminderResult:
    """Send one alert about the questions that were not answered in time."""
    overdue = find_overdue()
    names = [waiting.question.model for waiting in overdue]
    result = ReminderResult(overdue=len(overdue), models={name: names.count(name) for name in sorted(set(names))})
    alert = overdue_alert(overdue)
    if alert is None:
        return skipped("no question is overdue", result)
    send_alert(alert)
    mark_alerted(overdue)
    return result
