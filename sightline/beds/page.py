"""The page of a bed and the weekly report of its patient, as HTML files without links to anything else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sightline.beds.bed import Bed
from sightline.beds.strips import day_row, day_ticks, figures_of, hour_ticks, legend_of, strip
from sightline.beds.summary import days, summarize
from sightline.beds.timeline import NO_DATA, OUT_OF_BED, UNSURE, Timeline
from sightline.beds.watch import Raised, WatchState
from sightline.beds.words import alert_text, clock, day_and_time, duration, moment, state_text

__all__ = ["alert_rows", "bed_page", "render"]

_DAY = timedelta(days=1)
_PROBLEMS = 20
_ALERTS = 12


def bed_page(
    bed: Bed, timeline: Timeline, state: WatchState, problems: Sequence[tuple[str, str]], now: datetime
) -> str:
    """Return the page of a bed: the posture now, the last day, the last week, turns, alerts, and unusable files.

    Args:
        bed: The bed.
        timeline: The timeline of the last seven days and what is before it for the longest time without a turn.
        state: The alerts that were sent.
        problems: The files that could not be used, with the problem.
        now: The time of the page.
    """
    zone, recent = bed.zone, now - _DAY
    today = now.astimezone(zone).date()
    alerts = [raised for raised in state.history if raised.at >= now - 7 * _DAY]
    rows = [
        day_row(f"{day:%a %d %b}", timeline, summarize(timeline, start, end), zone, alerts)
        for day, start, end in reversed(days(today - timedelta(days=6), 7, zone))
    ]
    return render(
        "bed.html.j2",
        bed=bed.name,
        patient=bed.patient,
        zone=bed.time_zone,
        updated=moment(now, zone),
        verdict=_verdict(bed, timeline, state, now),
        kinds=legend_of([(timeline, now - 7 * _DAY, now)]),
        recent=strip(timeline, recent, now, zone, alerts),
        recent_ticks=hour_ticks(recent, now, zone),
        recent_figures=figures_of(summarize(timeline, recent, now)),
        rows=rows,
        day_ticks=day_ticks(),
        turns=_turns(bed, timeline, recent),
        sent=alert_rows(alerts[-_ALERTS:], bed),
        sent_in_all=len(alerts),
        problems=[{"file": name, "text": problem} for name, problem in problems[-_PROBLEMS:]],
    )


def alert_rows(alerts: Sequence[Raised], bed: Bed) -> list[dict[str, str]]:
    """Return the rows of a table of alerts, the latest first."""
    return [{"at": day_and_time(each.at, bed.zone), "text": alert_text(each, bed.zone)} for each in reversed(alerts)]


def render(template: str, **values: Any) -> str:
    """Return a template of this package with the values."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(values)


def _verdict(bed: Bed, timeline: Timeline, state: WatchState, now: datetime) -> dict[str, Any]:
    zone = bed.zone
    if timeline.last is None:
        return {
            "kind": "unknown",
            "title": "No data yet",
            "lines": [f"Watched since {moment(state.watched_since, zone)}."],
        }
    current, rest = timeline.stretches[-1], timeline.current
    title = (
        f"{state_text(current.state).capitalize()} since {clock(current.start, zone)}, {duration(now - current.start)}"
    )
    kind = {UNSURE: "unknown", NO_DATA: "unknown", OUT_OF_BED: "good"}.get(current.state, "good")
    lines = []
    if rest is not None:
        due = rest.since + timedelta(minutes=bed.turn_after_minutes)
        if state.unturned is not None or now >= due:
            kind, title = "bad", f"Not turned for {duration(now - rest.since)}"
            last = f"{state_text(rest.posture).capitalize()}" if rest.posture else "Posture unsure"
            lines.append(f"{last}. No turn was seen since {moment(rest.since, zone)}.")
        else:
            lines.append(f"To be turned by {clock(due, zone)}, in {duration(due - now)}.")
    if current.state == NO_DATA:
        lines.append(f"The last usable frame is of {moment(timeline.last, zone)}.")
    elif current.state == UNSURE and kind == "bad":
        lines.append(f"The posture is unsure since {clock(current.start, zone)}.")
    return {"kind": kind, "title": title, "lines": lines}


def _turns(bed: Bed, timeline: Timeline, start: datetime) -> list[dict[str, str]]:
    seen = [
        {
            "at": day_and_time(rest.until, bed.zone),
            "before": state_text(rest.posture),
            "after": state_text(following.posture),
            "length": duration(rest.until - rest.since),
        }
        for rest, following in zip(timeline.rests, timeline.rests[1:], strict=False)
        if rest.end == "turn" and rest.until >= start
    ]
    return seen[::-1]
