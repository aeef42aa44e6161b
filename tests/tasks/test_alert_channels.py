"""One command sets up the channels of the environment, and says what arrived where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows import alert_channels
from sightline.errors import InvalidSetting, SightlineError

Configure = Callable[..., Path]
EMAIL = "email-server-credentials/sightline"


@pytest.fixture(autouse=True)
def no_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_SERVER", "SMTP_PORT", "SMTP_TYPE", "SMTP_USERNAME", "SMTP_PASSWORD", "SLACK_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_set_is_refused_with_the_variables(configure: Configure) -> None:
    configure()
    with pytest.raises(InvalidSetting, match="set SMTP_SERVER, SMTP_USERNAME, SMTP_PASSWORD and ALERT_EMAIL_TO"):
        alert_channels.test_alert()


def test_email_of_the_environment_file_arrives(
    configure: Configure, alerting: ModuleType, tmp_path: Path, prefect_server: str
) -> None:
    box = alerting.Mailbox()
    box.refused = {"gone@ward.org"}
    with alerting.mail_server(box) as port:
        lines = ("SMTP_SERVER=127.0.0.1", f"SMTP_PORT={port}", "SMTP_TYPE=INSECURE", "SMTP_PASSWORD=")
        (tmp_path / ".env").write_text("\n".join(lines))
        configure()
        with pytest.raises(InvalidSetting, match="also set ALERT_EMAIL_TO"):
            alert_channels.test_alert()
        configure(ALERT_EMAIL_TO=["ana@ward.org", "gone@ward.org"], ALERT_EMAIL_FROM="alerts@ward.org")
        tested = alert_channels.test_alert()
    assert [mail["To"] for mail in box.mails] == ["ana@ward.org, gone@ward.org"]
    assert str(box.mails[0]["Subject"]) == "sightline: Test: alerts of sightline arrive here"
    text = str(tested)
    assert f"{EMAIL}: 127.0.0.1 accepted the test message for ana@ward.org" in text
    assert "gone@ward.org was refused: 550" in text
    assert f"set ALERT_CHANNELS='[\"{EMAIL}\"]'" in text
    assert tested.blocks[EMAIL].startswith("block ")


def test_failing_channel_fails_the_command_without_secrets(
    configure: Configure, webhook: Any, monkeypatch: pytest.MonkeyPatch, prefect_server: str
) -> None:
    monkeypatch.setenv("SMTP_SERVER", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", "9")
    monkeypatch.setenv("SMTP_TYPE", "INSECURE")
    monkeypatch.setenv("SMTP_PASSWORD", "S3CRET-password")
    configure("custom-webhook/ops", "slack-webhook/absent", ALERT_EMAIL_TO=["ana@ward.org"])
    with pytest.raises(SightlineError) as failed:
        alert_channels.test_alert()
    text = str(failed.value)
    assert "slack-webhook/absent: the block does not exist" in text
    assert f"{EMAIL}: " in text
    assert "Accepted: custom-webhook/ops: accepted the test message" in text
    assert "S3CRET" not in text
    assert len(webhook.posts) == 1
