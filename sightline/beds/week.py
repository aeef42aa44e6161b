"""The weekly report of a patient: figures of the week and of every day, as a model and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from sightline.beds.bed import Bed
from sightline.beds.page import alert_rows, render
from sightline.beds.strips import day_row, day_ticks, figures_of, legend_of
from sightline.beds.summary import Summary, days, summarize
from sightline.beds.timeline import Rest, Timeline
from sightline.beds.watch import Raised
from sightline.beds.words import day_and_time, duration, state_text
from sightline.errors import InvalidInput

__all__ = ["Week", "WeekReport", "parse_week", "week_page", "weekly_report"]

_LONGEST = 10


class Week(BaseModel):
    """A calendar week by ISO 8601, written ``2026-W10``: from Monday to Sunday in the zone of a bed."""

    model_config = ConfigDict(frozen=True)

    label: str
    monday: date


class WeekReport(BaseModel):
    """A patient's week. ``total``: the figures of the week; ``days``: those of each day, by date."""

    model_config = ConfigDict(frozen=True)

    patient: str
    bed: str
    week: str
    time_zone: str
    complete: bool
    total: Summary
    days: dict[date, Summary]
    alerts: tuple[Raised, ...]


def parse_week(text: str | None, bed: Bed, now: datetime) -> Week:
    """Return the week that ``text`` names as ``2026-W10``; None is the last complete one."""
    if text is None:
        today = now.astimezone(bed.zone).date()
        monday = today - timedelta(days=today.weekday() + 7)
    else:
        try:
            monday = datetime.strptime(f"{text}-1", "%G-W%V-%u").date()
        except ValueError as error:
            raise InvalidInput(text, "is no week of the calendar", "Write it as 2026-W10, by ISO 8601") from error
    year, number, _ = monday.isocalendar()
    return Week(label=f"{year}-W{number:02d}", monday=monday)


def weekly_report(bed: Bed, week: Week, timeline: Timeline, alerts: Sequence[Raised], now: datetime) -> WeekReport:
    """Return the report of a week; ``complete`` is False if the week is not over."""
    spans = days(week.monday, 7, bed.zone)
    start, end = spans[0][1], spans[-1][2]
    return WeekReport(
        patient=bed.patient,
        bed=bed.name,
        week=week.label,
        time_zone=bed.time_zone,
        complete=end <= now,
        total=summarize(timeline, start, end),
        days={day: summarize(timeline, first, last) for day, first, last in spans},
        alerts=tuple(raised for raised in alerts if start <= raised.at < end),
    )


def week_page(report: WeekReport, bed: Bed, timeline: Timeline) -> str:
    """Return the report as an HTML page."""
    total, zone = report.total, bed.zone
    columns = list(total.minutes)
    rests = sorted(
        (rest for rest in timeline.rests if rest.since < total.end and rest.until > total.start),
        key=lambda rest: rest.since - rest.until,
    )
    last = total.end - timedelta(hours=12)
    return render(
        "week.html.j2",
        patient=report.patient,
        bed=report.bed,
        week=f"week {int(report.week[-2:])} of {report.week[:4]}",
        span=f"{total.start.astimezone(zone):%d %b} to {last.astimezone(zone):%d %b %Y}",
        zone=report.time_zone,
        incomplete="" if report.complete else "The week is not over: the figures are of its days until now",
        week_figures=[*figures_of(total), {"value": f"{len(report.alerts)}", "text": "alerts"}],
        kinds=legend_of([(timeline, total.start, total.end)]),
        rows=[
            day_row(f"{day:%a %d %b}", timeline, summary, zone, report.alerts) for day, summary in report.days.items()
        ],
        day_ticks=day_ticks(),
        columns=[state_text(state) for state in columns],
        table=[
            {
                "label": f"{day:%a %d %b}",
                "cells": [f"{summary.minutes.get(state, 0) / 60:.1f}" for state in columns],
            }
            for day, summary in report.days.items()
        ],
        longest=[_row(rest, bed) for rest in rests[:_LONGEST]],
        sent=alert_rows(report.alerts, bed),
    )


def _row(rest: Rest, bed: Bed) -> dict[str, str]:
    return {
        "since": day_and_time(rest.since, bed.zone),
        "until": day_and_time(rest.until, bed.zone),
        "posture": state_text(rest.posture),
        "length": duration(rest.until - rest.since),
        "end": {"turn": "a turn", "out of bed": "leaving the bed"}.get(rest.end or "", "not ended"),
    }
