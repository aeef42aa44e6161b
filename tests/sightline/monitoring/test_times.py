"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sightline.errors import InvalidSetting
from sightline.monitoring import moment_of, window_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
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
def test_a_time_is_a_moment_or_so_long_ago(text: str | datetime, moment: datetime) -> None:
    found = moment_of(text, NOW)
    assert found == moment
    assert found.tzinfo


@pytest.mark.parametrize("text", ["", "yesterday", "7 fortnights", "-7d", "2026-13-01", "99999999999w"])
def test_what_is_no_time_is_told_with_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidSetting, match="Write how long ago"):
        moment_of(text, NOW)


def test_a_window_is_two_moments_and_anything_else_is_left_to_be_a_file() -> None:
    assert window_of("2026-01-01/2026-01-08T12:00:00Z") == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 8, 12, tzinfo=UTC),
    )
    for text in ("models/vehicles/1/baseline.safetensors", "s3://models/2026-01-01/2026-01-08", "baseline", "7d/1d"):
        assert window_of(text) is None
    with pytest.raises(InvalidSetting, match="ends before it begins"):
        window_of("2026-01-08/2026-01-01")
