"""The email block delivers alerts with and without a login."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from prefect.client.orchestration import SyncPrefectClient

from deployments.bootstrap.blocks import EMAIL, ensure_blocks
from deployments.bootstrap.resources import ChangeType
from sightline.alerts import Alert
from sightline.settings import settings
from tasks.alerts import deliver
from tests.tasks.alerting import Mailbox, mail_server

pytestmark = pytest.mark.integration

ALERT = Alert(
    key="a", kind="result", title="1 of 10 images is uncertain", facts={}, at=datetime(2026, 1, 31, tzinfo=UTC)
)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(autouse=True)
def _channel(client: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ALERT_CHANNELS": json.dumps([EMAIL]), "ALERT_EMAIL_TO": '["ana@ward.org"]', "ALERT_RETRY_SECONDS": "[0]",
        "OUTBOX_BUCKET": str(tmp_path / "outbox"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


def variables(port: int, **others: str) -> dict[str, str]:
    return {"SMTP_SERVER": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_TYPE": "INSECURE", **others}


@pytest.mark.parametrize(
    ("login", "sender"),
    [
        ({}, "alerts@ward.org"),
        ({"SMTP_USERNAME": "", "SMTP_PASSWORD": ""}, "alerts@ward.org"),
        ({"SMTP_USERNAME": "sightline@ward.org"}, None),
        ({"SMTP_USERNAME": "sightline@ward.org", "SMTP_PASSWORD": ""}, "alerts@ward.org"),
        ({"SMTP_PASSWORD": "ignored without a user"}, "alerts@ward.org"),
    ],
)
def test_server_without_login_receives_the_mail(
    login: dict[str, str], sender: str | None, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sender:
        monkeypatch.setenv("ALERT_EMAIL_FROM", sender)
    with mail_server(mailbox) as port:
        environment = variables(port, **login)
        assert [change.outcome for change in ensure_blocks(environment)] == [ChangeType.CREATED]
        assert [change.outcome for change in ensure_blocks(environment)] == [ChangeType.UNCHANGED]
        deliver(ALERT, logging.getLogger("test"))
    [mail] = mailbox.mails
    assert mail["From"] == (sender or login["SMTP_USERNAME"])
    assert mailbox.recipients == [["ana@ward.org"]]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_server_with_login_receives_user_and_password(mailbox: Mailbox) -> None:
    logins: list[tuple[bytes, bytes]] = []

    def check(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        logins.append((data.login, data.password))
        return AuthResult(success=True)

    with mail_server(mailbox, authenticator=check, auth_required=True, auth_require_tls=False) as port:
        login = {"SMTP_USERNAME": "sightline@ward.org", "SMTP_PASSWORD": "a secret"}
        list(ensure_blocks(variables(port, **login)))
        deliver(ALERT, logging.getLogger("test"))
    assert logins == [(b"sightline@ward.org", b"a secret")]
    assert len(mailbox.mails) == 1
