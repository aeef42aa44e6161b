"""The Prefect blocks of alert channels, defined by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import SecretStr

from sightline.errors import InvalidSetting

if TYPE_CHECKING:
    from prefect.blocks.core import Block

__all__ = ["EMAIL", "SLACK", "VARIABLES", "email_block", "slack_block", "store_block", "stored_block"]

SLACK = "slack-webhook/sightline"
EMAIL = "email-server-credentials/sightline"
VARIABLES = ("SLACK_WEBHOOK_URL", "SMTP_SERVER", "SMTP_PORT", "SMTP_TYPE", "SMTP_USERNAME", "SMTP_PASSWORD")


def slack_block(url: str) -> Block:
    """Return the block that posts to a webhook of Slack."""
    from prefect.blocks.notifications import SlackWebhook

    return SlackWebhook(url=SecretStr(url))


def email_block(variables: Mapping[str, str]) -> Block:
    """Return the block of the mail server in SMTP_SERVER. Raises ``InvalidSetting`` for an invalid variable."""
    from prefect_email import EmailServerCredentials
    from prefect_email.credentials import SMTPType

    kind = variables.get("SMTP_TYPE", "SSL").upper()
    if kind not in SMTPType.__members__:
        raise InvalidSetting(f"SMTP_TYPE is {kind}. Set it to one of {', '.join(SMTPType.__members__)}")
    port = variables.get("SMTP_PORT")
    if port is not None and not port.isdecimal():
        raise InvalidSetting(f"SMTP_PORT is {port!r}, which is not a port number. Set it to a number, or unset it")
    block: Block = EmailServerCredentials(
        username=variables.get("SMTP_USERNAME"),
        password=SecretStr(variables.get("SMTP_PASSWORD", "")),
        smtp_server=variables["SMTP_SERVER"],
        smtp_type=SMTPType[kind],
        smtp_port=int(port) if port else None,
    )
    return block


def store_block(identifier: str, wanted: Block) -> Literal["created", "updated", "unchanged"]:
    """Store the block as ``TYPE/NAME`` unless an equal one exists, and return what was done."""
    existing = stored_block(type(wanted), identifier)
    if existing is not None and _content(existing) == _content(wanted):
        return "unchanged"
    wanted.save(identifier.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]
    return "updated" if existing is not None else "created"


def stored_block(kind: type[Block], identifier: str) -> Block | None:
    """Return the block ``TYPE/NAME``, or None if there is none."""
    try:
        return cast("Block", kind.load(identifier.partition("/")[2], _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        if "Unable to find block document" not in str(error):
            raise
        return None


def _content(block: Block) -> Any:
    return _without_identity(block.model_dump(mode="json", context={"include_secrets": True}))


def _without_identity(value: Any) -> Any:
    """Return the value without the fields that the server manages, in nested blocks too."""
    if isinstance(value, dict):
        return {key: _without_identity(member) for key, member in value.items() if not key.startswith("_")}
    return value
