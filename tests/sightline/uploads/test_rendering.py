"""Alerts about uploads."""

from __future__ import annotations

import pytest

from sightline.uploads import given_up_alert


@pytest.mark.parametrize(
    ("last_runs", "title"),
    [
        ({"s3://b/1.mp4": "run-1"}, "1 upload given up: 3 runs did not process it"),
        ({"s3://b/1.mp4": "run-1", "s3://b/2.mp4": "run-2"}, "2 uploads given up: 3 runs did not process them"),
    ],
)
def test_alert_lists_uploads_with_their_last_runs(last_runs: dict[str, str], title: str) -> None:
    alert = given_up_alert(last_runs)
    assert alert
    assert (alert.title, alert.kind) == (title, "failure")
    assert {row["upload"]: row["last run"] for row in alert.rows} == last_runs


def test_no_uploads_send_no_alert() -> None:
    assert given_up_alert({}) is None
