"""Blocks defined by environment variables: S3 bucket, Slack, email."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from deployments.bootstrap.environment import CREDENTIALS, RESULTS
from deployments.bootstrap.resources import Change, ChangeType
from deployments.secrets import resolve_secret
from sightline.errors import InvalidSetting
from sightline.settings import Settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block

__all__ = ["EMAIL", "SLACK", "ensure_block", "ensure_blocks"]

SLACK = "slack-webhook/sightline"
EMAIL = "email-server-credentials/sightline"

_RESULTS_FOLDER = ".prefect"  # hidden: flows ignore it when they list a model's results
_VARIABLES = (
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "RESULTS_BUCKET", "USE_S3", "SLACK_WEBHOOK_URL",
    "SMTP_SERVER", "SMTP_PORT", "SMTP_TYPE", "SMTP_USERNAME", "SMTP_PASSWORD",
)  # fmt: skip


def ensure_blocks(environment: Mapping[str, str]) -> Iterator[Change]:
    """Create or update the blocks whose variables are set, and yield the changes.

    A block is identified by ``TYPE/NAME``. A secret may be written as ``aws-secret://NAME``; see
    :func:`~deployments.secrets.resolve_secret`. Raises ``InvalidSetting`` for an invalid variable.
    """
    variables = {name: resolve_secret(environment[name]) for name in _VARIABLES if environment.get(name)}
    bucket, credentials = _results_bucket(variables), _credentials(variables)
    if bucket or _stored(type(credentials), CREDENTIALS) is not None:  # earlier versions stored keys in it
        yield ensure_block(CREDENTIALS, credentials)
    if bucket:
        yield ensure_block(RESULTS, _results(bucket))
    if "SLACK_WEBHOOK_URL" in variables:
        yield ensure_block(SLACK, _slack(variables["SLACK_WEBHOOK_URL"]))
    if "SMTP_SERVER" in variables:
        yield ensure_block(EMAIL, _email(variables))


def _results_bucket(variables: Mapping[str, str]) -> str | None:
    """Return the name of the results bucket if it is on S3, else None."""
    bucket = variables.get("RESULTS_BUCKET", "")
    results = Settings(results_bucket=bucket, use_s3=variables.get("USE_S3", False)).results
    return None if isinstance(results, Path) else results.bucket


def _credentials(variables: Mapping[str, str]) -> Block:
    from prefect_aws import AwsClientParameters, AwsCredentials

    # No keys: the server shows them to everyone who may use it. The process that loads the block has its own keys, or
    # the role of its machine, and boto3 finds them there.
    return AwsCredentials(
        region_name=variables.get("AWS_DEFAULT_REGION"),
        aws_client_parameters=AwsClientParameters(endpoint_url=variables.get("AWS_ENDPOINT_URL")),
    )


def _results(bucket: str) -> Block:
    from prefect_aws import AwsCredentials, S3Bucket

    credentials = cast("AwsCredentials", AwsCredentials.load(CREDENTIALS.partition("/")[2], _sync=True))  # type: ignore[call-arg]
    return S3Bucket(bucket_name=bucket, bucket_folder=_RESULTS_FOLDER, credentials=credentials)


def _slack(url: str) -> Block:
    from prefect.blocks.notifications import SlackWebhook

    return SlackWebhook(url=SecretStr(url))


def _email(variables: Mapping[str, str]) -> Block:
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


def ensure_block(identifier: str, wanted: Block) -> Change:
    """Store the block as ``TYPE/NAME`` unless an equal one exists."""
    existing = _stored(type(wanted), identifier)
    if existing is not None and _content(existing) == _content(wanted):
        return Change("block", identifier, ChangeType.UNCHANGED)
    wanted.save(identifier.partition("/")[2], overwrite=True, _sync=True)  # type: ignore[call-arg]
    return Change("block", identifier, ChangeType.UPDATED if existing is not None else ChangeType.CREATED)


def _stored(kind: type[Block], identifier: str) -> Block | None:
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
