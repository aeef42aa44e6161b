"""Alerts: two weeks of generated minutes, and passes that repeat."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from benchmarks.turn_alerts import STARTS, generate, judge, watch
from sightline.beds import OUT_OF_BED, Limits, Raised, Sample, WatchState, decide, timeline_of
from tests.beds import MINUTE, NOON

LIMITS = Limits(turn=120 * MINUTE, silence=15 * MINUTE)
EVERY = 3


@pytest.mark.parametrize(("season", "seed"), [("spring", 1), ("autumn", 2)])
def test_two_weeks_of_minutes_miss_and_repeat_no_alert(season: str, seed: int) -> None:
    ward = generate(STARTS[season], seed)
    outcome = judge(ward, watch(ward, EVERY), EVERY)
    print(f"{season}: {outcome.rests} rests, {len(outcome.false) / 2:.1f} false alerts a week")
    assert outcome.rests > 20
    assert outcome.outages > 3
    assert (outcome.missed, outcome.repeated) == ([], [])
    assert (outcome.silent_missed, outcome.silent_repeated, outcome.silent_false) == ([], [], [])
    assert len(outcome.false) <= 14


def passes(
    samples: list[Sample], minutes: range, state: WatchState | None = None
) -> tuple[list[tuple[str, int]], WatchState]:
    """Return the alerts of a pass in each minute, as kind and minute, and the state at the end."""
    state = state or WatchState(watched_since=NOON, seen_until=NOON)
    raised: list[Raised] = []
    for minute in minutes:
        now = NOON + minute * MINUTE
        known = [sample for sample in samples if now - LIMITS.lookback <= sample.at <= now]
        due = decide(state, timeline_of(known, now, LIMITS.silence), now, LIMITS)
        state, raised = due.state, [*raised, *due.alerts]
    return [(each.kind, round((each.at - NOON) / MINUTE)) for each in raised], state


def lying(state: str, start: int, end: int) -> list[Sample]:
    return [Sample(NOON + minute * MINUTE, state) for minute in range(start, end)]


def test_a_rest_longer_than_a_pass_looks_back_is_one_alert() -> None:
    alerts, _ = passes(lying("left", 0, 1500), range(0, 1500, 10))
    assert alerts == [("unturned", 120)]


def test_a_turn_starts_the_time_again() -> None:
    alerts, _ = passes(lying("left", 0, 100) + lying("right", 100, 300), range(0, 300, 5))
    assert alerts == [("unturned", 220)]


def test_leaving_the_bed_starts_the_time_again() -> None:
    samples = lying("left", 0, 100) + lying(OUT_OF_BED, 100, 110) + lying("left", 110, 225)
    assert passes(samples, range(0, 225, 5))[0] == []


def test_a_turn_that_is_not_yet_certain_prevents_the_alert() -> None:
    alerts, _ = passes(lying("left", 0, 119) + lying("right", 119, 130), range(0, 130))
    assert alerts == []


def test_late_frames_that_show_a_turn_do_not_hide_the_next_alert() -> None:
    alerts, state = passes(lying("left", 0, 130), range(0, 130, 5))
    assert alerts == [("unturned", 120)]
    shown = lying("left", 0, 60) + lying("right", 60, 65) + lying("left", 65, 230)
    later, _ = passes(shown, range(130, 230, 5), state)
    assert later == [("unturned", 185)]


def test_silence_is_one_alert_until_data_return() -> None:
    samples = lying("left", 0, 20) + lying("right", 60, 80)
    alerts, _ = passes(samples, range(0, 140, 2))
    assert alerts == [("silent", 36), ("silent", 96)]


def test_a_late_frame_during_silence_is_not_its_end() -> None:
    alerts, state = passes(lying("left", 0, 20), range(0, 40))
    assert alerts == [("silent", 35)]
    assert passes(lying("left", 0, 26), range(40, 90), state)[0] == []


def test_a_bed_without_any_data_is_one_alert() -> None:
    assert passes([], range(0, 60))[0] == [("silent", 16)]


def test_a_pass_that_died_before_it_noted_the_alert_decides_the_same() -> None:
    _, before = passes(lying("left", 0, 119), range(0, 119))
    known = lying("left", 0, 125)
    first, second = (
        decide(before, timeline_of(known, now, LIMITS.silence), now, LIMITS).alerts
        for now in (NOON + 121 * MINUTE, NOON + 122 * MINUTE)
    )
    assert [each.since for each in first] == [each.since for each in second] == [NOON]


def test_both_changes_of_the_clock_are_within_the_weeks() -> None:
    for start in STARTS.values():
        end = (start + timedelta(days=14)).replace(tzinfo=start.tzinfo)
        assert start.utcoffset() != datetime.fromtimestamp(end.timestamp(), start.tzinfo).utcoffset()
