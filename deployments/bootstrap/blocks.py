"""Blocks defined by environment variables: S3 bucket, Slack, email."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from deployments.bootstrap.environment import CREDENTIALS, RESULTS
from deployments.bootstrap.resources import Change, ChangeType
from deployments.secrets import resolve_secret
from sightline.settings import Settings
from tasks.alert_blocks import EMAIL, SLACK, VARIABLES, email_block, slack_block, store_block, stored_block

if TYPE_CHECKING:
    from prefect.blocks.core import Block

__all__ = ["EMAIL", "SLACK", "ensure_block", "ensure_blocks"]

_RESULTS_FOLDER = ".prefect"  # hidden: flows ignore it when they list a model's results
_VARIABLES = ("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "RESULTS_BUCKET", "USE_S3", *VARIABLES)


def ensure_blocks(environment: Mapping[str, str]) -> Iterator[Change]:
    """Create or update the blocks whose variables are set, and yield the changes.

    A block is identified by ``TYPE/NAME``. A secret may be written as ``aws-secret://NAME``; see
    :func:`~deployments.secrets.resolve_secret`. Raises ``InvalidSetting`` for an invalid variable.
    """
    variables = {name: resolve_secret(environment[name]) for name in _VARIABLES if environment.get(name)}
    bucket, credentials = _results_bucket(variables), _credentials(variables)
    if bucket or stored_block(type(credentials), CREDENTIALS) is not None:  # earlier versions stored keys in it
        yield ensure_block(CREDENTIALS, credentials)
    if bucket:
        yield ensure_block(RESULTS, _results(bucket))
    if "SLACK_WEBHOOK_URL" in variables:
        yield ensure_block(SLACK, slack_block(variables["SLACK_WEBHOOK_URL"]))
    if "SMTP_SERVER" in variables:
        yield ensure_block(EMAIL, email_block(variables))


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


def ensure_block(identifier: str, wanted: Block) -> Change:
    """Store the block as ``TYPE/NAME`` unless an equal one exists."""
    return Change("block", identifier, ChangeType(store_block(identifier, wanted)))
