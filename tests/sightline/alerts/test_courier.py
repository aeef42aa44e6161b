"""A failing channel receives its alerts from a later run, once, and fails no run."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cloudpathlib import S3Client

from sightline import storage
from sightline.alerts import Alert, Courier, Outbox
from sightline.clock import now_in_utc
from sightline.errors import InvalidSetting
from sightline.storage import Location

CreateAlert = Callable[..., Alert]
OPS, WARD = "slack-webhook/ops", "email-server-credentials/ward"


class Channels:
    """Two channels that accept alerts unless they are ``down``."""

    def __init__(self, root: Location) -> None:
        self.accepted: list[tuple[str, str]] = []
        self.attempts: list[str] = []
        self.warnings: list[str] = []
        self.down: set[str] = set()
        self.root = root

    def send(self, channel: str, alert: Alert, _: threading.Event) -> None:
        self.attempts.append(channel)
        if channel in self.down:
            raise ConnectionError("nobody there")
        self.accepted.append((channel, alert.key))

    def courier(self, **changes: object) -> Courier:
        fields = {
            "root": self.root,
            "channels": (OPS, WARD),
            "send": self.send,
            "warn": self.warnings.append,
            "waits": (0.0, 0.0),
            "timeout": 20.0,
        }
        return Courier(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def channels(bucket: Location) -> Channels:
    return Channels(bucket)


def test_repeated_run_alerts_each_channel_once(channels: Channels, alert: CreateAlert) -> None:
    assert channels.courier().deliver(alert()) == (OPS, WARD)
    assert channels.courier().deliver(alert(at=alert().at + timedelta(hours=1))) == ()
    assert channels.accepted == [(OPS, "run 1"), (WARD, "run 1")]
    assert channels.warnings == []


def test_failing_channel_is_retried_and_alerted_by_the_next_run(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    assert channels.courier().deliver(alert()) == (WARD,)
    assert channels.attempts == [OPS, OPS, OPS, WARD]
    assert len(channels.warnings) == 1
    assert f"{OPS}: nobody there" in channels.warnings[0]
    assert storage.uri_of(channels.root) in channels.warnings[0]

    channels.down = set()
    for _ in range(2):
        channels.courier().deliver(alert(key="run 2"))
    assert channels.accepted == [(WARD, "run 1"), (OPS, "run 1"), (OPS, "run 2"), (WARD, "run 2")]
    assert storage.file_names(channels.root / "waiting") == storage.file_names(channels.root / "leases") == []


def test_run_repeated_during_an_outage_alerts_once_at_the_end(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    for hour in range(3):
        channels.courier().deliver(alert(at=alert().at + timedelta(hours=hour)))
    channels.down = set()
    channels.courier().deliver(alert())
    assert channels.accepted == [(WARD, "run 1"), (OPS, "run 1")]
    assert "failed attempts: 3" in channels.warnings[-1]


def test_channel_that_recovers_between_attempts_causes_no_warning(channels: Channels, alert: CreateAlert) -> None:
    attempts: list[str] = []

    def send(channel: str, _: Alert, abandoned: threading.Event) -> None:
        attempts.append(channel)
        if len(attempts) < 3:
            raise ConnectionError("nobody there")

    assert channels.courier(channels=(OPS,), send=send).deliver(alert()) == (OPS,)
    assert (len(attempts), channels.warnings) == (3, [])


def test_pauses_between_attempts_are_configurable(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    start = time.monotonic()
    channels.courier(channels=(OPS,), waits=(0.2, 0.3)).deliver(alert())
    assert time.monotonic() - start >= 0.5


def test_invalid_setting_is_not_retried_in_the_same_run(channels: Channels, alert: CreateAlert) -> None:
    attempts: list[str] = []

    def send(channel: str, _: Alert, abandoned: threading.Event) -> None:
        attempts.append(channel)
        raise InvalidSetting("there is no such block")

    channels.courier(channels=(OPS,), send=send).deliver(alert())
    assert attempts == [OPS]
    assert "there is no such block" in channels.warnings[0]
    assert len(storage.file_names(channels.root / "waiting")) == 1


def test_silent_channel_is_abandoned_after_the_timeout(channels: Channels, alert: CreateAlert) -> None:
    never = threading.Event()
    courier = channels.courier(
        channels=(OPS,), send=lambda channel, sent, abandoned: never.wait(30), waits=(), timeout=0.1
    )
    start = time.monotonic()
    assert courier.deliver(alert()) == ()
    assert time.monotonic() - start < 10
    assert "no answer in 0.1 s" in channels.warnings[0]
    never.set()


def test_abandoned_call_that_continues_later_does_not_send_beside_the_retry(
    channels: Channels, alert: CreateAlert
) -> None:
    server_is_back, ended = threading.Event(), threading.Event()
    sent: list[str] = []

    def send(channel: str, sent_alert: Alert, abandoned: threading.Event) -> None:
        server_is_back.wait(30)
        if not abandoned.is_set():
            sent.append(sent_alert.key)
        ended.set()

    courier = channels.courier(channels=(OPS,), send=send, waits=(), timeout=0.1)
    assert courier.deliver(alert(key="first")) == ()
    server_is_back.set()
    assert ended.wait(10)
    assert sent == []
    courier.relay()
    assert sent == ["first"]


def test_channel_with_many_waiting_alerts_is_skipped_after_failures(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    courier = channels.courier(channels=(OPS,), waits=())
    for number in range(5):
        courier.deliver(alert(key=f"run {number}"))
    channels.attempts.clear()
    courier.deliver(alert(key="run 5"))
    assert len(channels.attempts) == 4  # three waiting alerts, and this run's alert

    channels.down = set()
    courier.deliver(alert(key="run 6"))
    assert sorted(key for _, key in channels.accepted) == [f"run {number}" for number in range(7)]


def test_run_delivers_100_waiting_alerts_despite_a_dead_channel(tmp_path: Path, alert: CreateAlert) -> None:
    channels = Channels(tmp_path)
    outbox = Outbox(tmp_path)
    for number in range(110):
        outbox.post(alert(key=f"ops {number}"), OPS)
    for number in range(105):
        outbox.post(alert(key=f"ward {number}"), WARD)
    channels.down = {OPS}
    channels.courier(waits=()).deliver(alert(key="new"))
    assert channels.attempts.count(OPS) == 4
    assert channels.attempts.count(WARD) == 98
    channels.courier(waits=()).deliver(alert(key="newer"))
    assert sorted(key for _, key in channels.accepted) == sorted(["new", "newer", *(f"ward {n}" for n in range(105))])


def test_channel_that_is_no_longer_configured_is_skipped(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    channels.courier().deliver(alert())
    channels.down = set()
    channels.courier(channels=(WARD,)).deliver(alert(key="run 2"))
    assert (OPS, "run 1") not in channels.accepted
    channels.courier().deliver(alert(key="run 3"))
    assert (OPS, "run 1") in channels.accepted


def test_damaged_entry_does_not_block_other_alerts(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    channels.courier().deliver(alert())
    name = storage.file_names(channels.root / "waiting")[0]
    storage.write_bytes(channels.root / "waiting" / name, b"{")
    channels.down = set()
    channels.warnings.clear()
    assert channels.courier().deliver(alert(key="run 2")) == (OPS, WARD)
    assert len(channels.warnings) == 1
    assert f"{name}: is damaged" in channels.warnings[0]


def test_concurrent_runs_send_each_alert_once(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS, WARD}
    for number in range(3):
        channels.courier(waits=()).deliver(alert(key=f"old {number}"))
    channels.down = set()
    start = threading.Barrier(4)

    def run(_: int) -> None:
        start.wait()
        channels.courier().deliver(alert(key="the same"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    keys = ("old 0", "old 1", "old 2", "the same")
    assert sorted(channels.accepted) == sorted((channel, key) for channel in (OPS, WARD) for key in keys)


def test_posted_alert_is_relayed_to_every_channel_once(channels: Channels, alert: CreateAlert) -> None:
    """The process that posts it does not know the channels, and may post it several times."""
    outbox = Outbox(channels.root)
    for _ in range(3):
        outbox.post_unaddressed(alert())
        channels.courier().relay()
    assert channels.accepted == [(OPS, "run 1"), (WARD, "run 1")]
    assert (channels.warnings, outbox.unaddressed()) == ([], [])


def test_relay_returns_the_newly_addressed_alerts_only(channels: Channels, alert: CreateAlert) -> None:
    outbox = Outbox(channels.root)
    outbox.post_unaddressed(alert())
    assert channels.courier().relay() == (alert(),)
    outbox.post_unaddressed(alert())
    assert channels.courier().relay() == ()


def test_relay_delivers_what_a_channel_did_not_accept_before(channels: Channels, alert: CreateAlert) -> None:
    channels.down = {OPS}
    channels.courier().deliver(alert())
    channels.down = set()
    assert channels.courier().relay() == ()
    assert channels.accepted == [(WARD, "run 1"), (OPS, "run 1")]


def test_next_alert_takes_the_posted_ones_along(channels: Channels, alert: CreateAlert) -> None:
    Outbox(channels.root).post_unaddressed(alert(key="posted"))
    channels.courier().deliver(alert())
    assert sorted(channels.accepted) == [(WARD, "posted"), (WARD, "run 1"), (OPS, "posted"), (OPS, "run 1")]


def test_posted_alert_stays_while_there_is_no_channel(channels: Channels, alert: CreateAlert) -> None:
    outbox = Outbox(channels.root)
    outbox.post_unaddressed(alert())
    assert channels.courier(channels=()).relay() == ()
    assert len(outbox.unaddressed()) == 1


def test_damaged_posted_alert_does_not_block_the_others(channels: Channels, alert: CreateAlert) -> None:
    storage.write_bytes(channels.root / "posted" / "0.json", b"{")
    Outbox(channels.root).post_unaddressed(alert())
    assert channels.courier().relay() == (alert(),)
    assert "posted/0.json: is damaged" in channels.warnings[0]


def test_relay_without_an_outbox_warns(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_bytes(b"a file instead of a folder")
    channels = Channels(tmp_path / "outbox")
    assert channels.courier().relay() == ()
    assert "the outbox" in channels.warnings[0]


def test_channels_are_alerted_without_an_outbox(tmp_path: Path, alert: CreateAlert) -> None:
    (tmp_path / "file").write_bytes(b"")
    channels = Channels(tmp_path / "file" / "outbox")
    channels.down = {WARD}
    assert channels.courier().deliver(alert()) == (OPS,)
    assert "OUTBOX_BUCKET" in channels.warnings[0]
    assert f"{WARD}: nobody there" in channels.warnings[1]
    assert "lost" in channels.warnings[1]


def test_channels_are_alerted_with_an_invalid_outbox_location(tmp_path: Path, alert: CreateAlert) -> None:
    channels = Channels(tmp_path)
    assert channels.courier(root="gs://bucket/outbox").deliver(alert()) == (OPS, WARD)
    assert "gs://bucket/outbox" in channels.warnings[0]


def test_channels_are_alerted_if_the_outbox_on_s3_is_unreachable(
    s3_bucket: Location, alert: CreateAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3Client, "_default_client", None)
    channels = Channels(storage.locate(f"{s3_bucket}/outbox"))
    assert channels.courier().deliver(alert()) == (OPS, WARD)
    assert "127.0.0.1:9" in channels.warnings[0]


KILLED = """
import os, signal, sys
from pathlib import Path
from sightline.alerts import Alert, Courier, Outbox
from sightline.clock import now_in_utc

def send(channel, alert, abandoned):
    with open(sys.argv[2], "a") as accepted:
        accepted.write(alert.key + "\\n")
    os.kill(os.getpid(), signal.SIGKILL)

alert = Alert.model_validate_json(sys.stdin.read())
Courier(Path(sys.argv[1]), ("slack-webhook/ops",), send, print).deliver(alert)
"""


@pytest.mark.integration
def test_alert_of_killed_process_is_sent_after_its_lease(tmp_path: Path, alert: CreateAlert) -> None:
    channels = Channels(tmp_path / "outbox")
    command = [sys.executable, "-c", KILLED, str(channels.root), str(tmp_path / "accepted")]
    killed = subprocess.run(command, input=alert().model_dump_json(), text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "accepted").read_text() == "run 1\n"

    channels.courier(channels=(OPS,)).deliver(alert(key="run 2"))
    assert channels.accepted == [(OPS, "run 2")]
    for number in (3, 4):
        later = channels.courier(channels=(OPS,), now=lambda: now_in_utc() + timedelta(hours=1))
        later.deliver(alert(key=f"run {number}"))
    assert [key for _, key in channels.accepted] == ["run 2", "run 1", "run 3", "run 4"]
