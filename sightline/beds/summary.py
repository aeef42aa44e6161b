"""Figures of a time span: time per posture, turns, and the longest time without a turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from sightline.beds.timeline import NO_DATA, OUT_OF_BED, UNSURE, Rest, Timeline

__all__ = ["Summary", "days", "midnight", "summarize"]


class Summary(BaseModel):
    """The figures of the time from ``start`` to ``end``.

    ``minutes`` are those in each state, postures first. ``longest_rest`` is the longest time without a turn in minutes,
    0 if the patient was never in bed; ``longest_since`` is when it began, which may be before ``start``.
    """

    model_config = ConfigDict(frozen=True)

    start: datetime
    end: datetime
    minutes: dict[str, float]
    turns: int
    times_up: int
    longest_rest: float
    longest_since: datetime | None
    longest_until: datetime | None

    @property
    def observed(self) -> float:
        """The minutes with data."""
        return sum(minutes for state, minutes in self.minutes.items() if state != NO_DATA)


def summarize(timeline: Timeline, start: datetime, end: datetime) -> Summary:
    """Return the figures of the part of the timeline from ``start`` to ``end``.

    A turn belongs to the time at which the new posture was first seen. A time without a turn counts with its length
    until ``end``, also if it began before ``start``.
    """
    stretches = timeline.within(start, end)
    total: dict[str, timedelta] = {}
    for stretch in stretches:
        total[stretch.state] = total.get(stretch.state, timedelta()) + stretch.length
    postures = sorted(state for state in total if state not in _OTHERS)
    states = [*postures, *(state for state in _OTHERS if state in total)]
    rests = [rest for rest in timeline.rests if rest.since < end and rest.until > start]
    longest = max(rests, key=lambda rest: min(rest.until, end) - rest.since, default=None)
    return Summary(
        start=start,
        end=end,
        minutes={state: _minutes(total[state]) for state in states},
        turns=_ended(rests, "turn", start, end),
        times_up=_ended(rests, "out of bed", start, end),
        longest_rest=_minutes(min(longest.until, end) - longest.since) if longest else 0.0,
        longest_since=longest.since if longest else None,
        longest_until=min(longest.until, end) if longest else None,
    )


def days(first: date, count: int, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    """Return ``count`` days with their beginnings and ends, which are 23 or 25 hours apart if the clock changes."""
    dates = [first + timedelta(days=number) for number in range(count)]
    return [(day, midnight(day, zone), midnight(day + timedelta(days=1), zone)) for day in dates]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a day of the zone, in UTC: times in one zone are subtracted as clocks show them."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


_OTHERS = (UNSURE, OUT_OF_BED, NO_DATA)


def _ended(rests: Sequence[Rest], how: str, start: datetime, end: datetime) -> int:
    return sum(rest.end == how and start <= rest.until < end for rest in rests)


def _minutes(length: timedelta) -> float:
    return round(length.total_seconds() / 60, 2)
