"""A waiting alert is sent by one process, is never lost, and is not sent twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sightline import storage
from sightline.alerts import Alert, Outbox
from sightline.alerts.outbox import Delivery
from sightline.errors import InvalidInput, StorageError
from sightline.storage import Location
from tests.clocks import START, Clock

CreateAlert = Callable[..., Alert]
CHANNEL = "slack-webhook/ops"


@pytest.fixture
def outbox(bucket: Location, clock: Clock) -> Outbox:
    return Outbox(bucket, lease=timedelta(minutes=5), now=clock)


def all_keys(outbox: Outbox) -> list[str]:
    return [storage.key_under(file.location, outbox.root) or "" for file in storage.walk(outbox.root)]


def take_first(outbox: Outbox) -> Delivery:
    delivery = outbox.take(outbox.waiting([CHANNEL])[0])
    assert delivery
    return delivery


def test_alert_is_leased_delivered_and_removed(outbox: Outbox, alert: CreateAlert) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    assert outbox.waiting([CHANNEL]) == [posted]
    delivery = take_first(outbox)
    assert (delivery.alert, delivery.channel, delivery.lease.attempt) == (alert(), CHANNEL, 1)
    outbox.delivered(delivery)
    assert outbox.waiting([CHANNEL]) == []
    assert [key.split("/")[0] for key in all_keys(outbox)] == ["delivered"]


def test_same_event_is_delivered_once_per_channel(outbox: Outbox, alert: CreateAlert) -> None:
    outbox.post(alert(), CHANNEL)
    outbox.delivered(take_first(outbox))
    assert outbox.post(alert(), CHANNEL) is None
    assert outbox.post(alert(at=START, title="posted again"), CHANNEL) is None
    assert outbox.post(alert(), "slack-webhook/other")
    assert outbox.post(alert(key="run 2"), CHANNEL)


def test_same_event_posted_twice_waits_once(outbox: Outbox, alert: CreateAlert, clock: Clock) -> None:
    first = outbox.post(alert(), CHANNEL)
    clock.time += timedelta(hours=1)
    assert outbox.post(alert(at=START), CHANNEL) == first
    assert len(outbox.waiting([CHANNEL])) == 1


def test_waiting_alerts_are_listed_oldest_first_by_channel(outbox: Outbox, alert: CreateAlert, clock: Clock) -> None:
    for number in range(3):
        clock.time += timedelta(minutes=1)
        outbox.post(alert(key=f"run {number}", at=START - timedelta(days=40 + number)), CHANNEL)
    outbox.post(alert(), "slack-webhook/other")
    assert [waiting.at.minute for waiting in outbox.waiting([CHANNEL])] == [21, 22, 23]
    assert len(outbox.waiting(["slack-webhook/other", CHANNEL])) == 4
    assert outbox.waiting(["slack-webhook/third"]) == []


def test_one_of_many_concurrent_leases_succeeds(outbox: Outbox, alert: CreateAlert) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    start = threading.Barrier(6)

    def take(_: int) -> Delivery | None:
        start.wait()
        return outbox.take(posted)

    with ThreadPoolExecutor(6) as pool:
        deliveries = [delivery for delivery in pool.map(take, range(6)) if delivery]
    assert len(deliveries) == 1


def test_alert_of_killed_process_is_taken_after_its_lease(outbox: Outbox, alert: CreateAlert, clock: Clock) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    assert outbox.take(posted)
    clock.time += timedelta(minutes=4)
    assert outbox.take(posted) is None
    clock.time += timedelta(minutes=1)
    assert take_first(outbox).lease.attempt == 2


def test_failed_alert_is_taken_again_and_attempts_are_counted(outbox: Outbox, alert: CreateAlert) -> None:
    outbox.post(alert(), CHANNEL)
    for attempt in (1, 2, 3):
        delivery = take_first(outbox)
        assert delivery.lease.attempt == attempt
        outbox.failed(delivery, "nobody there")
    assert len(all_keys(outbox)) == 2
    last = storage.read_bytes(outbox.root / "leases" / f"{delivery.undelivered.entry}-000003.json")
    assert b"nobody there" in last


def test_late_lease_on_delivered_alert_returns_none(outbox: Outbox, alert: CreateAlert) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    outbox.delivered(take_first(outbox))
    assert outbox.take(posted) is None
    assert [key.split("/")[0] for key in all_keys(outbox)] == ["delivered"]


def test_alert_marked_as_delivered_is_not_sent_again(outbox: Outbox, alert: CreateAlert) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    content = storage.read_bytes(posted.file)
    outbox.delivered(take_first(outbox))
    storage.write_bytes(posted.file, content)
    assert outbox.take(outbox.waiting([CHANNEL])[0]) is None
    assert outbox.waiting([CHANNEL]) == []


def test_process_that_slept_gets_no_outdated_lease(
    outbox: Outbox, alert: CreateAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    create, sleeping = storage.create, [True]

    def sleep_before(location: Location, data: bytes) -> bool:
        if sleeping:
            sleeping.clear()
            for _ in range(2):
                delivery = outbox.take(posted)
                assert delivery
                outbox.failed(delivery, "no")
            assert outbox.take(posted)
        return create(location, data)

    monkeypatch.setattr(storage, "create", sleep_before)
    assert outbox.take(posted) is None
    assert sum(key.startswith("leases/") for key in all_keys(outbox)) == 1


@pytest.mark.parametrize("days", [0, 10, 29])
def test_delivery_is_remembered_for_30_days_and_forgotten_after_60(
    outbox: Outbox, alert: CreateAlert, clock: Clock, days: int
) -> None:
    clock.time += timedelta(days=days)
    outbox.post(alert(), CHANNEL)
    outbox.delivered(take_first(outbox))
    clock.time += timedelta(days=30)
    assert outbox.sweep() == []
    assert outbox.post(alert(), CHANNEL) is None
    clock.time += timedelta(days=30)
    assert outbox.sweep() == []
    assert all_keys(outbox) == []


def test_undelivered_alert_is_dropped_after_30_days(outbox: Outbox, alert: CreateAlert, clock: Clock) -> None:
    posted = outbox.post(alert(), CHANNEL)
    outbox.failed(take_first(outbox), "nobody there")
    clock.time += timedelta(days=29)
    assert outbox.sweep() == []
    clock.time += timedelta(days=2)
    assert outbox.sweep() == [posted]
    assert all_keys(outbox) == []


def test_damaged_file_is_reported_and_stays(outbox: Outbox, alert: CreateAlert) -> None:
    posted = outbox.post(alert(), CHANNEL)
    assert posted
    storage.write_bytes(posted.file, b"{")
    for _ in range(2):
        with pytest.raises(InvalidInput, match=rf"{posted.file.name}: is damaged.*Remove it"):
            outbox.take(posted)
    storage.write_bytes(outbox.root / "waiting" / "notes.txt", b"another file")
    assert outbox.waiting([CHANNEL]) == [posted]


class TestUnaddressed:
    """An alert of a process that does not know the channels."""

    OTHER = "slack-webhook/other"

    def test_same_event_is_posted_once(self, outbox: Outbox, alert: CreateAlert) -> None:
        for title in ("first", "second"):
            outbox.post_unaddressed(alert(title=title))
        outbox.post_unaddressed(alert(key="run 2"))
        assert len(outbox.unaddressed()) == 2
        assert outbox.waiting([CHANNEL]) == []

    def test_addressed_alert_waits_for_every_channel(self, outbox: Outbox, alert: CreateAlert) -> None:
        outbox.post_unaddressed(alert())
        [file] = outbox.unaddressed()
        assert outbox.address(file, [CHANNEL, self.OTHER]) == alert()
        assert outbox.unaddressed() == []
        assert len(outbox.waiting([CHANNEL, self.OTHER])) == 2
        assert take_first(outbox).alert == alert()

    def test_event_that_was_delivered_is_not_addressed_again(self, outbox: Outbox, alert: CreateAlert) -> None:
        outbox.post(alert(), CHANNEL)
        outbox.delivered(take_first(outbox))
        outbox.post_unaddressed(alert())
        [file] = outbox.unaddressed()
        assert outbox.address(file, [CHANNEL]) is None
        assert (outbox.unaddressed(), outbox.waiting([CHANNEL])) == ([], [])
        assert outbox.address(file, [CHANNEL]) is None, "another process removed it"

    def test_alert_stays_until_it_is_stored_for_every_channel(
        self, outbox: Outbox, alert: CreateAlert, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process killed, or without storage, between two channels is repeated."""
        outbox.post_unaddressed(alert())
        [file] = outbox.unaddressed()
        with monkeypatch.context() as patch:
            create, created = storage.create, []

            def fail_later(location: Location, data: bytes) -> bool:
                created.append(location)
                if len(created) > 1:
                    raise StorageError("away")
                return create(location, data)

            patch.setattr(storage, "create", fail_later)
            with pytest.raises(StorageError):
                outbox.address(file, [CHANNEL, self.OTHER])
        assert outbox.unaddressed() == [file]
        assert outbox.address(file, [CHANNEL, self.OTHER]) == alert()
        assert len(outbox.waiting([CHANNEL, self.OTHER])) == 2

    def test_damaged_file_raises_with_its_name(self, outbox: Outbox) -> None:
        storage.write_bytes(outbox.root / "posted" / "x.json", b"{")
        with pytest.raises(InvalidInput, match=r"posted/x\.json: is damaged.*Remove it"):
            outbox.address(outbox.unaddressed()[0], [CHANNEL])
