"""Delivery of alerts: an artifact, a log line, and a message to every channel in ALERT_CHANNELS.

>>> send_alert(Alert(key=job.key, kind="result", title="3 of 1,000 images are uncertain", facts={...}, ...))
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import smtplib
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, TypeAlias, cast
from uuid import UUID, uuid4

from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from sightline import alerts
from sightline.alerts import Alert, Courier, Outbox
from sightline.errors import InvalidSetting
from sightline.settings import settings
from sightline.storage import uri_of
from tasks.support.policy import PLAIN, sightline_task

if TYPE_CHECKING:
    from prefect_email import EmailServerCredentials

__all__ = ["Logger", "deliver", "post_alert", "relay_alerts", "send_alert", "try_channels"]

Logger: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"

_URL = re.compile(r"(https?://)(?:[^/\s'\"]*@)?([^/\s'\"?]+)[^\s'\"]*")
_LEVEL = re.compile(r"^\[[A-Z]+\]: ", re.MULTILINE)  # the prefix that notification blocks add to each line
_MAX_REASON = 300


@sightline_task(**PLAIN)
def send_alert(alert: Alert) -> None:
    """Send the alert to every channel, once per event. A channel that fails does not fail the run."""
    run_id, context = flow_run.id, TaskRunContext.get()
    if run_id is not None and (alert.run_name is None or alert.run_url is None):
        this_run = {
            "run_name": alert.run_name or flow_run.name,
            "run_url": alert.run_url or url_for("flow-run", obj_id=run_id),
            "run_id": alert.run_id or run_id,
        }
        alert = alert.model_copy(update=this_run)
    deliver(
        alert,
        get_run_logger(),
        flow_run_id=UUID(run_id) if run_id is not None else None,
        task_run_id=context.task_run.id if context else None,
    )


def deliver(alert: Alert, logger: Logger, *, flow_run_id: UUID | None = None, task_run_id: UUID | None = None) -> None:
    """Deliver the alerts in the outbox, and then this one.

    A failed delivery is logged as a warning, and the alert stays in the outbox for the next run.

    Args:
        alert: The alert, with its run.
        logger: The logger of the run.
        flow_run_id: The flow run that the artifact belongs to.
        task_run_id: The task run that the artifact belongs to.
    """
    _publish(alert, logger, flow_run_id, task_run_id)
    courier = _courier(logger)
    if courier is None:
        logger.warning("Alert: %s. No channel is set in ALERT_CHANNELS", _line(alert))
        return
    reached = courier.deliver(alert)
    logger.info("Alert: %s. Sent to: %s", _line(alert), ", ".join(reached) or "no channel")


def post_alert(alert: Alert, logger: Logger) -> None:
    """Store the alert for the next call of :func:`relay_alerts`, which sends it unless the channels accepted it before.

    Without channels it becomes an artifact and a log line at once. Raises ``StorageError`` if it cannot be stored.

    Args:
        alert: The alert, with its run.
        logger: The logger of the caller.
    """
    config = settings()
    if config.alert_channels:
        Outbox(config.outbox).post_unaddressed(alert)
    else:
        deliver(alert, logger, flow_run_id=UUID(alert.run_id) if alert.run_id else None)


def relay_alerts(logger: Logger) -> None:
    """Deliver the alerts in the outbox: the posted ones, and those that a channel did not accept.

    A posted alert also becomes an artifact and a log line. Without channels it stays in the outbox. A failed delivery
    is logged as a warning, and the alert stays in the outbox for the next call.

    Args:
        logger: The logger of the caller.
    """
    courier = _courier(logger)
    for alert in courier.relay() if courier else ():
        logger.info("Alert: %s", _line(alert))
        _publish(alert, logger, UUID(alert.run_id) if alert.run_id else None, None)


def try_channels(channels: Iterable[str]) -> dict[str, tuple[str | None, list[str]]]:
    """Send a test message to every channel, once and without the outbox.

    Return, by channel, why it was not accepted, None if it was, and notes, such as recipients that were refused.
    """
    alert = Alert(
        key=f"test {uuid4()}",
        title="Test: alerts of sightline arrive here",
        facts={"sent by": "sightline test-alert", "meaning": "nothing happened; no answer is needed"},
    )
    return {channel: _try_channel(channel, alert) for channel in channels}


def _try_channel(channel: str, alert: Alert) -> tuple[str | None, list[str]]:
    notes: list[str] = []
    logger = logging.Logger(channel)
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    courier = Courier(
        root=uri_of(settings().outbox),
        channels=(channel,),
        send=partial(_send, logger),
        warn=notes.append,
        reason_of=_reason,
        timeout=settings().alert_timeout_seconds,
    )
    return courier.try_once(channel, alert), notes


def _courier(logger: Logger) -> Courier | None:
    """Return the courier of the settings; None if no channel is set."""
    config = settings()
    if not config.alert_channels:
        return None
    return Courier(
        root=uri_of(config.outbox),
        channels=tuple(dict.fromkeys(config.alert_channels)),
        send=partial(_send, logger),
        warn=lambda text: logger.warning("Alerts: %s", text),
        reason_of=_reason,
        waits=config.alert_retry_seconds,
        timeout=config.alert_timeout_seconds,
    )


def _publish(alert: Alert, logger: Logger, flow_run_id: UUID | None, task_run_id: UUID | None) -> None:
    artifact = ArtifactCreate(
        key="alert",
        type="markdown",
        description=alerts.headline(alert),
        data=alerts.as_markdown(alert),
        flow_run_id=flow_run_id,
        task_run_id=task_run_id,
    )
    try:
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except Exception as error:  # The alert may be about the API itself; the channels get it anyway.
        logger.warning("Alerts: the artifact could not be created: %s", _reason(error))


def _send(logger: Logger, channel: str, alert: Alert, abandoned: Event) -> None:
    if channel.startswith("arn:"):
        alerts.publish(channel, alert)
        return
    # Prefect finds the class of a stored block only if it is imported.
    from prefect_email import EmailServerCredentials

    block = _load(channel)
    if abandoned.is_set():  # Prefect's client waits until a server that is away is back.
        raise TimeoutError("the channel's block was loaded too late")
    if isinstance(block, EmailServerCredentials):
        _send_email(logger, channel, block, alert)
    elif isinstance(block, SlackWebhook):
        _notify(block, alerts.as_slack(alert), alerts.headline(alert))
    elif isinstance(block, NotificationBlock):
        _notify(block, alerts.as_text(alert), alerts.headline(alert))
    else:
        raise InvalidSetting(
            f"a {type(block).__name__} cannot send alerts; ALERT_CHANNELS accepts notification blocks, "
            "email-server-credentials blocks and ARNs of SNS topics"
        )


def _load(channel: str) -> Block:
    try:
        # Synchronous by request: this may be the thread of an asynchronous flow run.
        return cast("Block", Block.load(channel, _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        if "Unable to find block document" not in str(error):
            raise
        raise InvalidSetting(
            "the block does not exist; create it in the Prefect UI under Blocks, or by SMTP_SERVER or "
            "SLACK_WEBHOOK_URL and `sightline test-alert`, or correct ALERT_CHANNELS"
        ) from error


def _notify(block: NotificationBlock, body: str, title: str) -> None:
    with block.raise_on_failure():
        # A method with an async variant chooses it by the run's context, which this thread does not have.
        is_dual = hasattr(type(block).notify, "aio")
        sent = block.notify(body, title, _sync=True) if is_dual else block.notify(body, title)  # type: ignore[call-arg]
        if inspect.iscoroutine(sent):
            asyncio.run(sent)


def _send_email(logger: Logger, channel: str, block: EmailServerCredentials, alert: Alert) -> None:
    config = settings()
    sender = config.alert_email_from or block.username
    if sender is None or "@" not in sender:
        raise InvalidSetting("the block's user name is not an email address; set ALERT_EMAIL_FROM")
    message = alerts.email_message(alert, sender, config.alert_email_to)
    # The block logs in if it has a user name, even without a password, which a server without logins rejects.
    anonymous = not block.password.get_secret_value()
    server = (block.model_copy(update={"username": None}) if anonymous else block).get_server()
    try:
        refused = server.send_message(message)
    finally:
        with suppress(smtplib.SMTPException, OSError):  # The mail is accepted or refused by now.
            server.quit()
        server.close()
    for address, (code, answer) in refused.items():
        logger.warning("Alerts: %s: %s was refused: %s %r", channel, address, code, answer)


def _line(alert: Alert) -> str:
    facts = ", ".join(f"{name} {' '.join(value.split())}" for name, value in alert.facts.items())
    return (
        f"{alert.title} ({alerts.truncated(facts, _MAX_REASON)})" if facts and alert.kind == "result" else alert.title
    )


def _reason(error: Exception) -> str:
    """Return the exception on one line for the log and the outbox, without a webhook's address, which is a secret."""
    if isinstance(error, NotificationError):
        text = _LEVEL.sub("", error.log) or "the block gives no reason"
    elif isinstance(error, InvalidSetting):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return alerts.truncated(" ".join(_URL.sub(r"\1\2/…", text).split()).rstrip("."), _MAX_REASON)
