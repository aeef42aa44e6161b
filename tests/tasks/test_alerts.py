"""Alerts reach every configured channel, and no channel changes how a run ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prefect import flow
from prefect.artifacts import Artifact
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_UI_URL, temporary_settings

from sightline.alerts import Alert, AlertItem, Outbox
from sightline.errors import InvalidSetting
from sightline.settings import settings
from sightline.storage import Location
from tasks.alerts import relay_alerts, send_alert

Configure = Callable[..., Path]
OPS, WARD, SLACK = "custom-webhook/ops", "email-server-credentials/ward", "slack-webhook/team"
TO_WARD = {"ALERT_EMAIL_TO": ["ana@ward.org", "ben@ward.org"], "ALERT_EMAIL_FROM": "alerts@ward.org"}


def alert(key: str, **changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "key": key,
        "kind": "result",
        "title": f"1 of 10 images of {key} is uncertain",
        "facts": {"accepted": "9"},
        "items": (
            AlertItem(
                uri="s3://ward/a <!channel>&b.jpg",
                class_name="left",
                confidence=0.6003,
                threshold=0.93,
                reason="low confidence",
            ),
        ),
        "total_items": 1,
        "run_name": None,
        "run_url": None,
        "at": datetime(2026, 1, 31, 10, 15, tzinfo=UTC),
    }
    return Alert(**{**fields, **changes})


@flow(name="a-run")
def a_run(*sent: Alert) -> str:
    for item in sent:
        send_alert(item)
    return "done"


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of the project's code, without those of Apprise."""
    records = (record for record in log.records if record.pathname.endswith("tasks/alerts.py"))
    return [record.getMessage() for record in records if record.levelno == logging.WARNING]


def waiting(outbox: Path) -> int:
    return len(list((outbox / "waiting").glob("*")))


def run_of(state: State[Any]) -> tuple[str, str]:
    """Return the run's id and name."""
    run = state.state_details.flow_run_id
    assert run
    with get_client(sync_client=True) as client:
        return str(run), client.read_flow_run(run).name


class TestSettings:
    @pytest.mark.parametrize("channel", ["slack", "slack-webhook/", "arn:aws:sns:eu-west-1:1:x", "sns:topic", "a/b c"])
    def test_invalid_channel_is_rejected_by_name(self, configure: Configure, channel: str) -> None:
        configure(channel)
        with pytest.raises(InvalidSetting, match="slack-webhook/ops") as caught:
            settings()
        assert channel in str(caught.value)

    def test_email_without_recipient_is_rejected(self, configure: Configure) -> None:
        configure(WARD)
        with pytest.raises(InvalidSetting, match="ALERT_EMAIL_TO"):
            settings()

    def test_invalid_address_is_rejected(self, configure: Configure) -> None:
        configure(WARD, ALERT_EMAIL_TO=["ana"])
        with pytest.raises(InvalidSetting, match="ALERT_EMAIL_TO"):
            settings()

    def test_blocks_and_topics_are_accepted(self, configure: Configure) -> None:
        channels = (OPS, WARD, "arn:aws:sns:eu-west-1:123456789012:ward-alerts")
        configure(*channels, **TO_WARD)
        assert settings().alert_channels == channels


def test_alert_outside_a_run_is_a_log_line(
    configure: Configure, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.alerts.get_run_logger", lambda: logging.getLogger("alerts"))
    outbox = configure()
    send_alert.fn(alert("no run"))
    assert any("1 of 10 images of no run is uncertain" in line for line in warnings(caplog))
    assert not outbox.exists()


@pytest.mark.integration
class TestChannels:
    def test_alert_without_channel_is_an_artifact_and_a_log_line(
        self, configure: Configure, caplog: pytest.LogCaptureFixture
    ) -> None:
        outbox = configure()
        state = a_run(alert("no channel"), return_state=True)
        run, name = run_of(state)
        artifact = Artifact.get("alert")
        assert artifact
        assert str(artifact.flow_run_id) == run
        assert artifact.task_run_id
        assert artifact.description == "sightline: 1 of 10 images of no channel is uncertain"
        for fragment in (r"s3://ward/a \<!channel\>&amp;b.jpg", "0.6003", name):
            assert fragment in str(artifact.data)
        assert warnings(caplog) == [
            "Alert: 1 of 10 images of no channel is uncertain (accepted 9). No channel is set in ALERT_CHANNELS"
        ]
        assert not outbox.exists()

    def test_every_channel_receives_an_alert_once(
        self,
        configure: Configure,
        webhook: Any,
        mailbox: Any,
        s3_bucket: Location,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        import boto3
        from moto.sns.models import sns_backends

        topic = boto3.client("sns").create_topic(Name="every-channel")["TopicArn"]
        outbox = configure(OPS, WARD, topic, **TO_WARD)
        run, name = run_of(a_run(*[alert("every channel")] * 2, return_state=True))
        title = "sightline: 1 of 10 images of every channel is uncertain"

        [post], [mail] = webhook.posts, mailbox.mails
        [(_, message, subject, *_)] = sns_backends["123456789012"]["us-east-1"].topics[topic].sent_notifications
        assert post["title"] == mail["Subject"] == subject == title
        assert mailbox.recipients == [TO_WARD["ALERT_EMAIL_TO"]]
        for text in (
            post["text"],
            message,
            mail.get_body(("plain",)).get_content(),
        ):
            assert f"run: {name} ({run})" in text
            assert "1. s3://ward/a <!channel>&b.jpg" in text
            assert "class left, confidence 0.6003, threshold 0.93, reason low confidence" in text
        assert "a &lt;!channel&gt;&amp;b.jpg" in mail.get_body(("html",)).get_content()
        assert waiting(outbox) == 0
        assert warnings(caplog) == []

    def test_alert_links_the_page_of_its_run(self, configure: Configure, webhook: Any) -> None:
        configure(OPS)
        with temporary_settings({PREFECT_UI_URL: "https://prefect.ward.org"}):
            run, _ = run_of(a_run(alert("linked"), return_state=True))
        assert f"link: https://prefect.ward.org/runs/flow-run/{run}" in webhook.posts[0]["text"]

    def test_alert_with_a_run_keeps_it(self, configure: Configure, webhook: Any) -> None:
        configure(OPS)
        a_run(alert("its own", run_name="training 7", run_url="http://host/7"))
        assert "run: training 7\nlink: http://host/7\n" in webhook.posts[0]["text"]

    def test_slack_receives_mrkdwn(
        self,
        configure: Configure,
        alerting: ModuleType,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        certificate = alerting.write_certificate("hooks.slack.com", tmp_path / "slack.pem")
        SlackWebhook(url="https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx").save(
            "team", overwrite=True
        )
        outbox, received = configure(SLACK), alerting.Received()
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with alerting.webhook_server(received, certificate) as address:
            monkeypatch.setenv("https_proxy", address)
            received.status = 404
            a_run(alert("slack", run_name=r"C:\1 & <b>|", run_url="http://host/7?a=1&b=2"))
            assert waiting(outbox) == 1
            assert "slack-webhook/team" in warnings(caplog)[0]
            assert "abcdefghijklmnopqrstuvwx" not in caplog.text
            received.status = 200
            received.posts.clear()
            a_run(alert("later"))
        assert waiting(outbox) == 0
        assert set(received.paths) == {"hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx"}
        [old, new] = [post["attachments"][0] for post in received.posts]
        assert old["title"] == "sightline: 1 of 10 images of slack is uncertain"
        lines = old["text"].splitlines()
        assert lines[1].startswith("<http://host/7?a=1&b=2|C:/1 &amp; ")
        assert lines[2].startswith("1. `s3://ward/a ")
        assert "<!channel>" not in old["text"]
        assert "&amp;b.jpg`  class left, confidence 0.6003" in lines[2]
        assert "later" in new["title"]


@pytest.mark.integration
class TestRelay:
    """The reconciler relays what processes that do not know the channels posted."""

    def test_posted_alert_reaches_every_channel_once_and_becomes_an_artifact(
        self, configure: Configure, webhook: Any, mailbox: Any
    ) -> None:
        outbox = Outbox(configure(OPS, WARD, **TO_WARD))
        for _ in range(2):
            outbox.post_unaddressed(alert("posted"))
            relay_alerts(logging.getLogger("reconciler"))
        assert [post["title"].split()[6] for post in webhook.posts] == ["posted"]
        assert [mail["Subject"].split()[6] for mail in mailbox.mails] == ["posted"]
        artifact = Artifact.get("alert")
        assert artifact
        assert artifact.description == "sightline: 1 of 10 images of posted is uncertain"
        assert outbox.unaddressed() == []

    def test_alert_that_a_channel_did_not_accept_is_delivered(self, configure: Configure, webhook: Any) -> None:
        outbox = configure(OPS)
        webhook.status = 503
        a_run(alert("first"))
        webhook.status = 200
        webhook.posts.clear()
        relay_alerts(logging.getLogger("reconciler"))
        assert [post["title"].split()[6] for post in webhook.posts] == ["first"]
        assert waiting(outbox) == 0

    def test_posted_alert_stays_without_a_channel(self, configure: Configure) -> None:
        outbox = Outbox(configure())
        outbox.post_unaddressed(alert("posted"))
        relay_alerts(logging.getLogger("reconciler"))
        assert len(outbox.unaddressed()) == 1


@pytest.mark.integration
class TestFaults:
    def test_failing_channel_receives_its_alerts_in_the_next_run(
        self, configure: Configure, webhook: Any, mailbox: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        outbox = configure(OPS, WARD, **TO_WARD)
        webhook.status, mailbox.full = 503, True
        assert a_run(alert("first")) == "done"
        assert len(webhook.posts) == 2  # one retry
        assert waiting(outbox) == 2
        assert len(warnings(caplog)) == 2
        for fragment in ("503", "127.0.0.1", "452", "the disk is full", str(outbox)):
            assert fragment in " ".join(warnings(caplog))
        assert "S3CRET" not in caplog.text
        assert not any("S3CRET" in path.read_text() for path in outbox.rglob("*.json"))

        webhook.status, mailbox.full = 200, False
        webhook.posts.clear()
        for _ in range(2):
            assert a_run(alert("first"), alert("second")) == "done"
        assert [post["title"].split()[6] for post in webhook.posts] == ["first", "second"]
        assert [mail["Subject"].split()[6] for mail in mailbox.mails] == ["first", "second"]
        assert waiting(outbox) == 0

    def test_unreachable_or_silent_mail_server_does_not_fail_the_run(
        self, configure: Configure, webhook: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        import socket

        from prefect_email import EmailServerCredentials

        with socket.create_server(("127.0.0.1", 0)) as silent:
            for name, port in (("gone", 9), ("silent", silent.getsockname()[1])):
                EmailServerCredentials(smtp_server="127.0.0.1", smtp_port=port, smtp_type="INSECURE").save(
                    name, overwrite=True
                )
            gone, mute = "email-server-credentials/gone", "email-server-credentials/silent"
            configure(gone, mute, OPS, ALERT_TIMEOUT_SECONDS="2", **TO_WARD)
            assert a_run(alert("gone")) == "done"
        assert any(line.startswith(f"Alerts: {gone}: ConnectionRefusedError") for line in warnings(caplog))
        assert any(line.startswith(f"Alerts: {mute}: TimeoutError: no answer in 2 s") for line in warnings(caplog))
        assert len(webhook.posts) == 1

    @pytest.mark.parametrize(
        ("channel", "fix"),
        [
            ("slack-webhook/nowhere", "create it in the Prefect UI"),
            ("no-such-type/ops", "create it in the Prefect UI"),
            ("secret/word", "a Secret cannot send alerts"),
            ("email-server-credentials/ward", "set ALERT_EMAIL_FROM"),
            ("arn:aws:sns:us-east-1:123456789012:nowhere", "NotFound"),
        ],
    )
    def test_misconfigured_channel_is_reported_with_the_fix(
        self,
        configure: Configure,
        webhook: Any,
        mailbox: Any,
        s3_bucket: Location,
        caplog: pytest.LogCaptureFixture,
        channel: str,
        fix: str,
    ) -> None:
        Secret(value="x").save("word", overwrite=True)
        outbox = configure(channel, OPS, ALERT_EMAIL_TO=["ana@ward.org"])
        assert a_run(alert(channel)) == "done"
        assert len(webhook.posts) == 1
        assert waiting(outbox) == 1
        [warning] = warnings(caplog)
        assert channel in warning
        assert fix in warning

    def test_refused_recipient_is_reported_and_others_receive_the_mail(
        self, configure: Configure, mailbox: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        outbox = configure(WARD, **TO_WARD)
        mailbox.refused = {"ben@ward.org"}
        a_run(alert("refused"))
        assert mailbox.recipients == [["ana@ward.org"]]
        assert waiting(outbox) == 0
        assert "ben@ward.org was refused: 550" in warnings(caplog)[0]

    def test_asynchronous_flow_sends_alerts(self, configure: Configure, webhook: Any, mailbox: Any) -> None:
        import asyncio

        @flow(name="asynchronous")
        async def asynchronous() -> None:
            send_alert(alert("asynchronous"))

        configure(OPS, WARD, **TO_WARD)
        asyncio.run(asynchronous())  # type: ignore[arg-type]
        assert (len(webhook.posts), len(mailbox.mails)) == (1, 1)
