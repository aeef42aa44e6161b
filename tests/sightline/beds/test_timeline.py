"""Stretches, rests and figures of generated frames."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from sightline.beds import FAULT, NO_DATA, OUT_OF_BED, UNSURE, Sample, Timeline, summarize, timeline_of
from sightline.beds.summary import days
from tests.beds import MINUTE, NOON

LETTERS = {"l": "left", "r": "right", "s": "supine", "o": OUT_OF_BED, "u": UNSURE, "f": FAULT}


def timeline(frames: str) -> Timeline:
    """Return the timeline of one frame a minute; a point is a minute without one."""
    samples = [Sample(NOON + minute * MINUTE, LETTERS[letter]) for minute, letter in enumerate(frames) if letter != "."]
    return timeline_of(samples, NOON + (len(frames) - 1) * MINUTE, 15 * MINUTE)


def shape(frames: str) -> list[tuple[str, int]]:
    return [(each.state, round(each.length / MINUTE)) for each in timeline(frames).stretches]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("l" * 11, [("left", 10)]),
        ("lllllrlllll", [("left", 10)]),
        ("lllllrrlllll", [("left", 11)]),
        ("lllllolllllulllllf", [("left", 17)]),
        ("lllllrrrrrr", [("left", 5), ("right", 5)]),
        ("lllllrrrlrrrr", [("left", 5), ("right", 7)]),
        ("llllluuuuuurrrr", [("left", 5), (UNSURE, 6), ("right", 3)]),
        ("lllll" + "rsrsrs", [("left", 5), (UNSURE, 5)]),
        ("lllllooooolllll", [("left", 5), (OUT_OF_BED, 5), ("left", 4)]),
        ("lllll" + "." * 20 + "lllll", [("left", 4), (NO_DATA, 21), ("left", 4)]),
        ("lllll" + "f" * 20 + "lllll", [("left", 4), (NO_DATA, 21), ("left", 4)]),
        ("lllll" + "." * 10 + "lllll", [("left", 19)]),
        ("lllll" + "." * 20, [("left", 4), (NO_DATA, 20)]),
        ("ff", []),
    ],
)
def test_frames_become_stretches(frames: str, expected: list[tuple[str, int]]) -> None:
    assert shape(frames) == expected


@pytest.mark.parametrize(
    ("frames", "since", "posture"),
    [
        ("l" * 30, 0, "left"),
        ("l" * 10 + "r" * 20, 10, "right"),
        ("l" * 10 + "u" * 10 + "l" * 10, 0, "left"),
        ("l" * 10 + "u" * 10 + "r" * 10, 10, "right"),
        ("l" * 10 + "." * 20 + "r" * 10, 9, "right"),
        ("l" * 10 + "f" * 20 + "l" * 10, 0, "left"),
        ("l" * 10 + "o" * 10 + "l" * 10, 20, "left"),
        ("o" * 10 + "u" * 10, 10, None),
    ],
)
def test_rest_begins_when_another_state_was_last_seen(frames: str, since: int, posture: str | None) -> None:
    rest = timeline(frames).current
    assert rest is not None
    assert (round((rest.since - NOON) / MINUTE), rest.posture) == (since, posture)


def test_nobody_in_bed_is_no_rest() -> None:
    assert timeline("l" * 10 + "o" * 10).current is None


def test_figures_count_turns_and_times() -> None:
    seen = timeline("l" * 60 + "r" * 30 + "u" * 10 + "r" * 20 + "o" * 30 + "s" * 31)
    figures = summarize(seen, NOON, NOON + 180 * MINUTE)
    assert figures.minutes == {"left": 60, "right": 50, "supine": 30, UNSURE: 10, OUT_OF_BED: 30}
    assert (figures.turns, figures.times_up, figures.longest_rest) == (1, 1, 60)


def test_days_have_23_and_25_hours_when_the_clock_changes() -> None:
    zone = ZoneInfo("Europe/Berlin")
    [(_, start, end)] = days(date(2026, 3, 29), 1, zone)
    assert end - start == timedelta(hours=23)
    [(_, start, end)] = days(date(2026, 10, 25), 1, zone)
    assert end - start == timedelta(hours=25)
