"""Alert channels, and the settings that select them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sightline.settings import settings


@pytest.fixture(scope="session")
def alerting() -> ModuleType:
    """The module with the services on loopback."""
    spec = importlib.util.spec_from_file_location("alerting", Path(__file__).with_name("alerting.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Set the channels and further settings; return the outbox's folder. Attempts have no pause between them."""

    def change(*channels: str, **others: Any) -> Path:
        values = {"ALERT_CHANNELS": list(channels), "ALERT_RETRY_SECONDS": [0.0], **others}
        for name, value in values.items():
            monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))
        settings.cache_clear()
        return tmp_path / "outbox"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTBOX_BUCKET", str(tmp_path / "outbox"))
    change()
    yield change
    settings.cache_clear()


@pytest.fixture(scope="module")
def webhook_of_block(alerting: ModuleType, prefect_server: str) -> Iterator[Any]:
    """The block ``custom-webhook/ops``, which takes longer to save than most tests, and its receiver."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    received = alerting.Received()
    with alerting.webhook_server(received) as address:
        CustomWebhookNotificationBlock(
            name="ops", url=f"{address}/hook/S3CRET", json_data={"title": "{{subject}}", "text": "{{body}}"}
        ).save("ops", overwrite=True)
        yield received


@pytest.fixture
def webhook(webhook_of_block: Any) -> Any:
    """The requests of the test to the block ``custom-webhook/ops``."""
    webhook_of_block.posts.clear()
    webhook_of_block.paths.clear()
    webhook_of_block.status = 200
    return webhook_of_block


@pytest.fixture
def mailbox(alerting: ModuleType) -> Iterator[Any]:
    """The mail sent through the block ``email-server-credentials/ward``."""
    from prefect_email import EmailServerCredentials

    box = alerting.Mailbox()
    with alerting.mail_server(box) as port:
        EmailServerCredentials(smtp_server="127.0.0.1", smtp_port=port, smtp_type="INSECURE").save(
            "ward", overwrite=True
        )
        yield box
