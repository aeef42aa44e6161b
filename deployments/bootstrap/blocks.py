"""Blocks made from environment variables: AWS and S3, Slack, email."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from deployments.bootstrap.changes import Change, Outcome
from deployments.bootstrap.environment import CREDENTIALS, RESULTS
from deployments.secrets import resolve_secret
from sightline.errors import InvalidSetting
from sightline.settings import Settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block

__all__ = ["EMAIL", "SLACK", "ensure_blocks"]

SLACK = "slack-webhook/sightline"
EMAIL = "email-server-credentials/sightline"

_RESULTS_FOLDER = ".prefect"  # hidden, so that no flow takes it for a model's results
_VARIABLES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
    "RESULTS_BUCKET", "USE_S3", "SLACK_WEBHOOK_URL",
    "SMTP_SERVER", "SMTP_PORT", "SMTP_TYPE", "SMTP_USERNAME", "SMTP_PASSWORD",
)  # fmt: skip


def ensure_blocks(environment: Mapping[str, str]) -> Iterator[Change]:
    """Make the blocks whose variables are set; a block is called by its type and its name.

    A secret may be written as ``aws-secret://NAME``; see :func:`~deployments.secrets.resolve_secret`. Raises
    ``InvalidSetting`` for a variable that cannot be used.
    """
    given = {name: resolve_secret(environment[name]) for name in _VARIABLES if environment.get(name)}
    bucket = _bucket(given)
    if bucket or "AWS_ACCESS_KEY_ID" in given:
        yield _ensure(CREDENTIALS, _credentials(given))
    if bucket:
        yield _ensure(RESULTS, _results(bucket))
    if "SLACK_WEBHOOK_URL" in given:
        yield _ensure(SLACK, _slack(given["SLACK_WEBHOOK_URL"]))
    if "SMTP_SERVER" in given:
        yield _ensure(EMAIL, _email(given))


def _bucket(given: Mapping[str, str]) -> str | None:
    """The name of the bucket of results, where that is on S3."""
    bucket = given.get("RESULTS_BUCKET", "")
    uri = Settings(results_bucket=bucket, use_s3=given.get("USE_S3", False)).bucket_uri(bucket)
    return uri.removeprefix("s3://").partition("/")[0] if uri.startswith("s3://") else None


def _credentials(given: Mapping[str, str]) -> Block:
    from prefect_aws import AwsClientParameters, AwsCredentials

    # Without keys, boto3 finds those of the machine's or the container's role.
    return AwsCredentials(
        aws_access_key_id=given.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=given.get("AWS_SESSION_TOKEN"),
        region_name=given.get("AWS_DEFAULT_REGION"),
        aws_client_parameters=AwsClientParameters(endpoint_url=given.get("AWS_ENDPOINT_URL")),
    )


def _results(bucket: str) -> Block:
    from prefect_aws import AwsCredentials, S3Bucket

    credentials = cast("AwsCredentials", AwsCredentials.load(CREDENTIALS.partition("/")[2], _sync=True))  # type: ignore[call-arg]
    return S3Bucket(bucket_name=bucket, bucket_folder=_RESULTS_FOLDER, credentials=credentials)


def _slack(url: str) -> Block:
    from prefect.blocks.notifications import SlackWebhook

    return SlackWebhook(url=SecretStr(url))


def _email(given: Mapping[str, str]) -> Block:
    from prefect_email import EmailServerCredentials
    from prefect_email.credentials import SMTPType

    kind = given.get("SMTP_TYPE", "SSL").upper()
    if kind not in SMTPType.__members__:
        raise InvalidSetting(f"SMTP_TYPE is {kind}; make it one of {', '.join(SMTPType.__members__)}")
    port = given.get("SMTP_PORT")
    if port is not None and not port.isdecimal():
        raise InvalidSetting(f"SMTP_PORT is {port!r}, which is no port; make it a number, or leave it out")
    password = given.get("SMTP_PASSWORD")
    block: Block = EmailServerCredentials(
        username=given.get("SMTP_USERNAME"),
        password=SecretStr(password) if password else None,
        smtp_server=given["SMTP_SERVER"],
        smtp_type=SMTPType[kind],
        smtp_port=int(port) if port else None,
    )
    return block


def _ensure(place: str, wanted: Block) -> Change:
    """Save the block, unless it is there and says the same."""
    name = place.partition("/")[2]
    try:
        found = cast("Block", type(wanted).load(name, _sync=True))  # type: ignore[call-arg]
    except ValueError as error:
        if "Unable to find block document" not in str(error):
            raise
        found = None
    if found is not None and _content(found) == _content(wanted):
        return Change("block", place, Outcome.UNCHANGED)
    wanted.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]
    return Change("block", place, Outcome.UPDATED if found is not None else Outcome.CREATED)


def _content(block: Block) -> Any:
    return _without_identity(block.model_dump(mode="json", context={"include_secrets": True}))


def _without_identity(value: Any) -> Any:
    """What a block says, without what the server keeps of it, in blocks inside it too."""
    if isinstance(value, dict):
        return {key: _without_identity(each) for key, each in value.items() if not key.startswith("_")}
    return value
