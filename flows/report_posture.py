"""A week of every bed's patient → a report of each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.errors import InvalidInput
from tasks.beds import find_beds, write_week
from tasks.support.flow import sightline_flow, skipped


class ReportedWeek(BaseModel):
    """The week of one patient: minutes in each state, turns, and the longest time without a turn in minutes."""

    model_config = ConfigDict(frozen=True)

    bed: str
    patient: str
    week: str
    minutes: dict[str, float]
    turns: int
    longest_rest: float
    alerts: int
    page: str


class PostureReports(BaseModel):
    """The reports, and the beds without one, with the reason."""

    model_config = ConfigDict(frozen=True)

    reports: tuple[ReportedWeek, ...]
    without: dict[str, str]


@sightline_flow(name="report-posture", flow_run_name="report posture")
def report_posture(beds: list[str] | None = None, *, week: str | None = None) -> PostureReports:
    """Report on a patient's week: time in each posture, turns, and the longest times without a turn.

    Args:
        beds: The beds: folders in BEDS_BUCKET with a file bed.toml. By default all.
        week: A calendar week by ISO 8601, as 2026-W10. By default the last complete one.
    """
    reports, without = [], {}
    for name in find_beds(beds):
        try:
            report, page = write_week(name, week)
        except InvalidInput as error:
            if beds:
                raise
            without[name] = str(error)
            continue
        total = report.total
        reports.append(
            ReportedWeek(
                bed=name,
                patient=report.patient,
                week=report.week,
                minutes=total.minutes,
                turns=total.turns,
                longest_rest=total.longest_rest,
                alerts=len(report.alerts),
                page=page,
            )
        )
    result = PostureReports(reports=tuple(reports), without=without)
    return result if reports else skipped("no bed has frames of this week", result)
