"""``sightline test-alert``: sets up the alert channels that the environment defines, and sends a message to each."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from flows.command_server import command_server
from flows.waiting import Waiting
from sightline.errors import InvalidSetting, SightlineError
from sightline.settings import settings

__all__ = ["TestedChannels", "test_alert"]

_HOW = (
    "no channel is set. For email, set SMTP_SERVER, SMTP_USERNAME, SMTP_PASSWORD and "
    "ALERT_EMAIL_TO='[\"me@ward.org\"]'; for Slack, SLACK_WEBHOOK_URL; in the environment or in .env. Or name a block "
    "or an SNS topic in ALERT_CHANNELS"
)


class ChannelsFailed(SightlineError):
    """A channel that did not accept the test message."""


class TestedChannels(BaseModel):
    """What each channel accepted, and the blocks that were stored. ``next_step``: what is missing for real alerts."""

    __test__ = False  # pytest would take it for a class of tests

    model_config = ConfigDict(frozen=True)

    channels: dict[str, str]
    blocks: dict[str, str]
    next_step: str | None

    def __str__(self) -> str:
        lines = [f"{name}: {done}" for name, done in (*self.blocks.items(), *self.channels.items())]
        return "\n".join([*lines, *([self.next_step] if self.next_step else [])])


def test_alert() -> TestedChannels:
    """Set up the alert channels of the environment, and send a test message to every channel.

    SMTP_SERVER defines a channel for email, and SLACK_WEBHOOK_URL one for Slack; ALERT_CHANNELS names others. It says
    what arrived where, and fails if a channel did not accept the message. Secrets are stored in Prefect's blocks, and
    never printed.
    """
    from tasks.alert_blocks import EMAIL

    config, variables = settings(), _variables()
    if not (config.alert_channels or {"SMTP_SERVER", "SLACK_WEBHOOK_URL"} & variables.keys()):
        raise InvalidSetting(_HOW)
    if "SMTP_SERVER" in variables and not config.alert_email_to:
        raise InvalidSetting(
            "SMTP_SERVER is set: also set ALERT_EMAIL_TO, as a JSON list: ALERT_EMAIL_TO='[\"me@ward.org\"]'"
        )
    waiting = Waiting()
    with command_server(waiting):
        waiting.stop()
        blocks = _store_blocks(variables)
        new = [name for name in blocks if name not in config.alert_channels]
        channels = (*config.alert_channels, *new)
        results = _send(channels)
    described = {
        channel: _accepted(channel, variables if channel == EMAIL else {}, notes)
        for channel, (reason, notes) in results.items()
        if reason is None
    }
    if failed := {channel: reason for channel, (reason, _) in results.items() if reason is not None}:
        accepted = (
            f". Accepted: {'; '.join(f'{name}: {text}' for name, text in described.items())}" if described else ""
        )
        raise ChannelsFailed("; ".join(f"{channel}: {reason}" for channel, reason in failed.items()) + accepted)
    return TestedChannels(
        channels=described,
        blocks={name: f"block {outcome}" for name, outcome in blocks.items() if outcome != "unchanged"},
        next_step=_next_step(channels) if new else None,
    )


def _variables() -> dict[str, str]:
    """Return the variables of channels in the environment, and those that only .env has."""
    from dotenv import dotenv_values

    from tasks.alert_blocks import VARIABLES

    values: dict[str, str | None] = {**dotenv_values(".env"), **os.environ}
    return {name: value for name in VARIABLES if (value := values.get(name))}


def _store_blocks(variables: Mapping[str, str]) -> dict[str, str]:
    from tasks.alert_blocks import EMAIL, SLACK, email_block, slack_block, store_block

    stored = {}
    # The bootstrap of the deployments resolves references to secrets, and stores the same blocks.
    if "SMTP_SERVER" in variables and not _refers(variables.get("SMTP_PASSWORD", "")):
        stored[EMAIL] = store_block(EMAIL, email_block(variables))
    if "SLACK_WEBHOOK_URL" in variables and not _refers(variables["SLACK_WEBHOOK_URL"]):
        stored[SLACK] = store_block(SLACK, slack_block(variables["SLACK_WEBHOOK_URL"]))
    return dict(stored)


def _refers(value: str) -> bool:
    return value.startswith("aws-secret://")


def _send(channels: tuple[str, ...]) -> dict[str, tuple[str | None, list[str]]]:
    from tasks.alerts import try_channels

    return try_channels(channels)


def _accepted(channel: str, variables: Mapping[str, str], notes: list[str]) -> str:
    from sightline.settings import EMAIL_BLOCK

    config = settings()
    if not channel.startswith(EMAIL_BLOCK):
        text = "accepted the test message"
    else:
        server = f"{variables['SMTP_SERVER']} " if "SMTP_SERVER" in variables else ""
        text = f"{server}accepted the test message for {', '.join(config.alert_email_to)}; look there, also under spam"
    return "; ".join([text, *notes])


def _next_step(channels: tuple[str, ...]) -> str:
    names = ", ".join(f'"{channel}"' for channel in channels)
    return f"To send alerts there, set ALERT_CHANNELS='[{names}]' in the environment or in .env"
