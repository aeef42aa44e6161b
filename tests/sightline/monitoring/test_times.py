"""Parsing times and windows as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sightline.errors import InvalidSetting
from sightline.monitoring import parse_time, parse_window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(days=1)),
        (" 7D ", NOW - timedelta(days=7)),
        ("4w", NOW - timedelta(days=28)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T20:00:00Z", datetime(2026, 1, 31, 20, tzinfo=UTC)),
        ("2026-01-31T20:00:00+01:00", datetime(2026, 1, 31, 19, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 30, 22, tzinfo=UTC)),
        (datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_time_is_in_iso_format_or_a_duration_before_the_end(text: str | datetime, expected: datetime) -> None:
    time = parse_time(text, NOW)
    assert time == expected
    assert time.tzinfo


@pytest.mark.parametrize("text", ["", "yesterday", "7 fortnights", "-7d", "2026-13-01", "99999999999w"])
def test_invalid_time_is_rejected_with_the_valid_forms(text: str) -> None:
    with pytest.raises(InvalidSetting, match="Write a duration before the end"):
        parse_time(text, NOW)


def test_window_is_two_times_and_other_text_is_none() -> None:
    assert parse_window("2026-01-01/2026-01-08T12:00:00Z") == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 8, 12, tzinfo=UTC),
    )
    for text in ("models/vehicles/1/baseline.safetensors", "s3://models/2026-01-01/2026-01-08", "baseline", "7d/1d"):
        assert parse_window(text) is None
    with pytest.raises(InvalidSetting, match="ends before it begins"):
        parse_window("2026-01-08/2026-01-01")


WINDOW = (NOW - timedelta(days=7), NOW)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("7d", NOW - timedelta(days=14), NOW - timedelta(days=7)),
        (" 90M ", WINDOW[0] - timedelta(minutes=90), WINDOW[0]),
        ("14d/7d", NOW - timedelta(days=14), NOW - timedelta(days=7)),
        ("5w/4w", NOW - timedelta(weeks=5), NOW - timedelta(weeks=4)),
        ("14d/2026-02-20", NOW - timedelta(days=14), datetime(2026, 2, 20, tzinfo=UTC)),
        ("2026-01-01/8d", datetime(2026, 1, 1, tzinfo=UTC), NOW - timedelta(days=8)),
    ],
)
def test_earlier_window_is_relative_to_the_window(text: str, begin: datetime, end: datetime) -> None:
    assert parse_window(text, WINDOW) == (begin, end)


@pytest.mark.parametrize("text", ["7d/14d", "0d", "7d/7d", "8d/6d", "14d/0h", "2026-02-01/2026-02-25"])
def test_earlier_window_that_is_empty_or_overlaps_is_rejected(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"ends before it begins|overlaps the window"):
        parse_window(text, WINDOW)


@pytest.mark.parametrize("text", ["7d.safetensors", "./7d", "models/7d", "7d/baseline.safetensors", "/7d", "7d/"])
def test_file_name_is_no_window(text: str) -> None:
    assert parse_window(text, WINDOW) is None
