"""What waits in the outbox is sent by one at a time, lost by none, and not sent again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sightline import storage
from sightline.alerts import Alert, Outbox
from sightline.alerts.outbox import Claim
from sightline.errors import InvalidInput
from sightline.storage import Location
from tests.clocks import START, Clock

Make = Callable[..., Alert]
CHANNEL = "slack-webhook/ops"


@pytest.fixture
def outbox(bucket: Location, clock: Clock) -> Outbox:
    return Outbox(bucket, lease=timedelta(minutes=5), now=clock)


def everything(outbox: Outbox) -> list[str]:
    return [storage.key_under(found.location, outbox.root) or "" for found in storage.walk(outbox.root)]


def claimed(outbox: Outbox) -> Claim:
    claim = outbox.claim(outbox.waiting([CHANNEL])[0])
    assert claim
    return claim


def test_an_alert_is_claimed_sent_and_gone(outbox: Outbox, alert: Make) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    assert outbox.waiting([CHANNEL]) == [posted]
    claim = claimed(outbox)
    assert (claim.alert, claim.channel, claim.lease.attempt) == (alert(), CHANNEL, 1)
    outbox.delivered(claim)
    assert outbox.waiting([CHANNEL]) == []
    assert [key.split("/")[0] for key in everything(outbox)] == ["delivered"]


def test_the_same_event_is_delivered_once_for_each_channel(outbox: Outbox, alert: Make) -> None:
    outbox.post(alert(), CHANNEL)
    outbox.delivered(claimed(outbox))
    assert outbox.post(alert(), CHANNEL) is None
    assert outbox.post(alert(at=START, title="told again"), CHANNEL) is None
    assert outbox.post(alert(), "slack-webhook/other")
    assert outbox.post(alert(key="run 2"), CHANNEL)


def test_the_same_event_told_again_before_it_was_delivered_waits_once(
    outbox: Outbox, alert: Make, clock: Clock
) -> None:
    first = outbox.post(alert(), CHANNEL)
    clock.time += timedelta(hours=1)
    assert outbox.post(alert(at=START), CHANNEL) == first
    assert len(outbox.waiting([CHANNEL])) == 1


def test_what_waits_is_told_oldest_first_and_to_its_own_channel(outbox: Outbox, alert: Make, clock: Clock) -> None:
    for number in range(3):
        clock.time += timedelta(minutes=1)
        outbox.post(alert(key=f"run {number}", at=START - timedelta(days=40 + number)), CHANNEL)
    outbox.post(alert(), "slack-webhook/other")
    assert [each.at.minute for each in outbox.waiting([CHANNEL])] == [21, 22, 23]
    assert len(outbox.waiting(["slack-webhook/other", CHANNEL])) == 4
    assert outbox.waiting(["slack-webhook/third"]) == []


def test_only_one_of_many_at_once_gets_it(outbox: Outbox, alert: Make) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    start = threading.Barrier(6)

    def take(_: int) -> Claim | None:
        start.wait()
        return outbox.claim(posted)

    with ThreadPoolExecutor(6) as pool:
        claims = [claim for claim in pool.map(take, range(6)) if claim]
    assert len(claims) == 1


def test_who_was_killed_while_sending_has_it_sent_by_another_once_the_lease_is_over(
    outbox: Outbox, alert: Make, clock: Clock
) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    assert outbox.claim(posted)
    clock.time += timedelta(minutes=4)
    assert outbox.claim(posted) is None
    clock.time += timedelta(minutes=1)
    assert claimed(outbox).lease.attempt == 2


def test_what_failed_may_be_tried_at_once_and_the_tries_are_counted(outbox: Outbox, alert: Make) -> None:
    outbox.post(alert(), CHANNEL)
    for attempt in (1, 2, 3):
        claim = claimed(outbox)
        assert claim.lease.attempt == attempt
        outbox.failed(claim, "nobody there")
    assert len(everything(outbox)) == 2
    last = storage.read_bytes(outbox.root / "leases" / f"{claim.undelivered.entry}-000003.json")
    assert b"nobody there" in last


def test_who_comes_late_does_not_send_what_has_been_sent(outbox: Outbox, alert: Make) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    outbox.delivered(claimed(outbox))
    assert outbox.claim(posted) is None
    assert [key.split("/")[0] for key in everything(outbox)] == ["delivered"]


def test_who_was_killed_right_after_the_mark_leaves_nothing_that_is_sent_again(outbox: Outbox, alert: Make) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    kept = storage.read_bytes(posted.file)
    outbox.delivered(claimed(outbox))
    storage.write_bytes(posted.file, kept)
    assert outbox.claim(outbox.waiting([CHANNEL])[0]) is None
    assert outbox.waiting([CHANNEL]) == []


def test_who_slept_since_it_looked_gets_no_lease_that_others_have_passed(
    outbox: Outbox, alert: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    create, sleeping = storage.create, [True]

    def sleep_before(location: Location, data: bytes) -> bool:
        if sleeping:
            sleeping.clear()
            for _ in range(2):
                claim = outbox.claim(posted)
                assert claim
                outbox.failed(claim, "no")
            assert outbox.claim(posted)
        return create(location, data)

    monkeypatch.setattr(storage, "create", sleep_before)
    assert outbox.claim(posted) is None
    assert sum(key.startswith("leases/") for key in everything(outbox)) == 1


@pytest.mark.parametrize("days", [0, 10, 29])
def test_what_was_delivered_is_remembered_for_thirty_days_and_forgotten_after_sixty(
    outbox: Outbox, alert: Make, clock: Clock, days: int
) -> None:
    clock.time += timedelta(days=days)
    outbox.post(alert(), CHANNEL)
    outbox.delivered(claimed(outbox))
    clock.time += timedelta(days=30)
    assert outbox.sweep() == []
    assert outbox.post(alert(), CHANNEL) is None
    clock.time += timedelta(days=30)
    assert outbox.sweep() == []
    assert everything(outbox) == []


def test_what_no_run_could_deliver_in_thirty_days_is_given_up(outbox: Outbox, alert: Make, clock: Clock) -> None:
    posted = outbox.post(alert(), CHANNEL)
    outbox.failed(claimed(outbox), "nobody there")
    clock.time += timedelta(days=29)
    assert outbox.sweep() == []
    clock.time += timedelta(days=2)
    assert outbox.sweep() == [posted]
    assert everything(outbox) == []


def test_a_file_that_is_no_alert_is_named_and_stays(outbox: Outbox, alert: Make) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    storage.write_bytes(posted.file, b"{")
    for _ in range(2):
        with pytest.raises(InvalidInput, match=rf"{posted.file.name}: is damaged.*Remove it"):
            outbox.claim(posted)
    storage.write_bytes(outbox.root / "waiting" / "notes.txt", b"not ours")
    assert outbox.waiting([CHANNEL]) == [posted]
