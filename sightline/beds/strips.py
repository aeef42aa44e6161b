"""Timelines as coloured strips: what the pages' templates draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sightline.beds.summary import Summary
from sightline.beds.timeline import Timeline
from sightline.beds.watch import Raised
from sightline.beds.words import alert_text, clock, duration, kind_of, state_text

__all__ = ["day_row", "day_ticks", "figures_of", "hour_ticks", "legend_of", "strip"]


def strip(
    timeline: Timeline, start: datetime, end: datetime, zone: ZoneInfo, alerts: Iterable[Raised]
) -> dict[str, Any]:
    """Return the pieces of a strip from ``start`` to ``end``, and the marks of its alerts, in percent of its width."""
    pieces = [
        {
            "kind": kind_of(each.state),
            "left": _percent(each.start, start, end),
            "width": round(100 * (each.length / (end - start)), 3),
            "title": f"{state_text(each.state)}, {clock(each.start, zone)} to {clock(each.end, zone)}",
        }
        for each in timeline.within(start, end)
    ]
    marks = [
        {"left": _percent(alert.at, start, end), "title": f"{clock(alert.at, zone)}: {alert_text(alert, zone)}"}
        for alert in alerts
        if start <= alert.at < end
    ]
    description = "; ".join(f"{piece['title']}" for piece in pieces) or "no data"
    return {"pieces": pieces, "marks": marks, "description": description}


def day_row(
    label: str, timeline: Timeline, summary: Summary, zone: ZoneInfo, alerts: Iterable[Raised]
) -> dict[str, Any]:
    """Return the strip of a day with its label, its turns and its longest time without one."""
    turns = f"{summary.turns} turn{'' if summary.turns == 1 else 's'}"
    longest = f", longest {duration(timedelta(minutes=summary.longest_rest))}" if summary.longest_rest else ""
    note = f"{turns}{longest}" if summary.observed else "no data"
    return {"label": label, "note": note, **strip(timeline, summary.start, summary.end, zone, alerts)}


def day_ticks() -> list[dict[str, Any]]:
    """Return the labels below days; on the two days a year when the clock changes they are an hour off at the end."""
    return [
        {"left": round(hour / 0.24, 3), "text": f"{hour:02d}:00", "minor": hour % 12 != 0} for hour in range(0, 25, 6)
    ]


def hour_ticks(start: datetime, end: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return labels for every third full hour between two times, and for both ends."""
    first = start.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    hours = [first.astimezone(start.tzinfo) + timedelta(hours=number) for number in range(26)]
    margin = (end - start) / 8
    inner = [at for at in hours if at.astimezone(zone).hour % 3 == 0 and start + margin < at < end - margin]
    ticks = [start, *inner, end]
    return [
        {
            "left": _percent(at, start, end),
            "text": clock(at, zone),
            "minor": at in inner and at.astimezone(zone).hour % 6 != 0,
        }
        for at in ticks
    ]


def legend_of(timelines: Sequence[tuple[Timeline, datetime, datetime]]) -> list[dict[str, str]]:
    """Return the states that occur, with their colours."""
    states = dict.fromkeys(
        stretch.state for timeline, start, end in timelines for stretch in timeline.within(start, end)
    )
    return [{"kind": kind_of(state), "text": state_text(state)} for state in sorted(states, key=_order)]


def figures_of(summary: Summary) -> list[dict[str, str]]:
    """Return the time in each state, the turns, and the longest time without one."""
    figures = [
        {"value": duration(timedelta(minutes=minutes)), "text": state_text(state)}
        for state, minutes in summary.minutes.items()
    ]
    return [
        {"value": f"{summary.turns}", "text": "turn" if summary.turns == 1 else "turns"},
        {"value": duration(timedelta(minutes=summary.longest_rest)), "text": "longest time without a turn"},
        *figures,
    ]


def _order(state: str) -> tuple[bool, str]:
    return kind_of(state) in ("unsure", "none", "out"), state


def _percent(at: datetime, start: datetime, end: datetime) -> float:
    return round(100 * ((at - start) / (end - start)), 3)
