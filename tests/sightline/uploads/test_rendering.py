"""Alerts about uploads."""

from __future__ import annotations

import pytest

from sightline.uploads import invalid_record_alert

QUEUE, DEAD_LETTERS = "http://sqs/1/uploads", "http://sqs/1/uploads-dead"


@pytest.mark.parametrize(
    ("dead_letters", "place", "fix"),
    [(DEAD_LETTERS, DEAD_LETTERS, "redrive"), (None, "none, so the message stays", "Remove the message")],
)
def test_alert_states_the_reason_the_record_and_the_fix(dead_letters: str | None, place: str, fix: str) -> None:
    alert = invalid_record_alert(QUEUE, dead_letters, "m-1", 2, "it is not JSON", "x" * 5000)
    assert alert.kind == "failure"
    assert (alert.facts["reason"], alert.facts["queue"]) == ("it is not JSON", QUEUE)
    assert alert.facts["message"] == "m-1, record 3"
    assert alert.facts["record"] == "x" * 1000
    assert place in alert.facts["dead-letter queue"]
    assert fix in alert.facts["fix"]


def test_alert_is_the_same_event_for_the_same_record_only() -> None:
    records = [("m-1", 0), ("m-1", 0), ("m-1", 1), ("m-2", 0)]
    keys = [invalid_record_alert(QUEUE, None, *record, "it is not JSON", "x").key for record in records]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
