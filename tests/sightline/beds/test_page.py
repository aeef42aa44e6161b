"""The pages of a bed and of a week, on a phone and on a desktop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sightline.beds import (
    OUT_OF_BED,
    UNSURE,
    Bed,
    Raised,
    Sample,
    Timeline,
    WatchState,
    bed_page,
    parse_week,
    timeline_of,
    week_page,
    weekly_report,
)
from sightline.errors import InvalidInput
from tests.beds import MINUTE, NOON, write_bed
from tests.browser import check_readable

NOW = NOON + timedelta(days=3)


def week() -> Timeline:
    states = ["left", "right", UNSURE, "supine", OUT_OF_BED, "left"]
    minutes = range(0, 3 * 24 * 60, 2)
    samples = [Sample(NOON + minute * MINUTE, states[minute // 90 % 6]) for minute in minutes if minute // 300 % 7]
    return timeline_of(samples, NOW, 15 * MINUTE)


def state() -> WatchState:
    raised = [Raised(kind=kind, since=NOON, at=NOON + 130 * MINUTE) for kind in ("unturned", "silent")]
    return WatchState(watched_since=NOON, seen_until=NOW, history=tuple(raised))


def page(bed: Bed, timeline: Timeline) -> str:
    return bed_page(bed, timeline, state(), [("a<b.csv", "is empty")], NOW)


def test_pages_fit_a_phone_and_a_desktop(tmp_path: Path) -> None:
    bed, timeline = write_bed(tmp_path, time_zone="Europe/Berlin", patient="Ana María <b>"), week()
    report = weekly_report(bed, parse_week("2026-W11", bed, NOW), timeline, state().history, NOW)
    for html in (page(bed, timeline), week_page(report, bed, timeline)):
        assert "Ana María &lt;b&gt;" in html
        check_readable(html, tmp_path)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("left", "Not turned for 3 h 20 min"),
        (OUT_OF_BED, "Out of bed since"),
        (UNSURE, "Posture unsure since"),
    ],
)
def test_page_says_first_how_the_patient_lies(tmp_path: Path, last: str, said: str) -> None:
    length = 200 if last == "left" else 30
    samples = [Sample(NOW - minute * MINUTE, last) for minute in range(length, -1, -1)]
    verdict = page(write_bed(tmp_path), timeline_of(samples, NOW, 15 * MINUTE)).partition("<b>")[2]
    assert verdict.startswith(said)


def test_week_that_is_not_over_says_so(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    report = weekly_report(bed, parse_week("2026-W11", bed, NOW), week(), (), NOW)
    assert not report.complete
    assert "not over" in week_page(report, bed, week())


def test_week_is_the_last_complete_one_unless_named(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    assert parse_week(None, bed, NOW).label == "2026-W10"
    with pytest.raises(InvalidInput, match="2026-W10"):
        parse_week("2026-W54", bed, NOW)
