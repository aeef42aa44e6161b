"""What a flow's container is told of the environment that the bootstrap runs in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from sightline.settings import Settings

__all__ = ["CREDENTIALS", "RESULTS", "flow_environment"]

CREDENTIALS = "aws-credentials/sightline"
"""The block with the AWS credentials of the flows."""
RESULTS = "s3-bucket/sightline"
"""The block with the bucket in which Prefect keeps what flows return."""

_AWS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LINKS = ("PREFECT_UI_URL",)  # where a person finds the server, which containers know by another name
_OTHERS = ("api_", "prefect_", "s3_events_")  # settings of the HTTP service, the listener and Prefect itself


def flow_environment(environment: Mapping[str, str], *, blocks: frozenset[str]) -> dict[str, str]:
    """The settings of the flows that are set, how they reach S3, and what their links begin with.

    A key of AWS is named by its block, ``TYPE/NAME``, and never written: a work pool's variables are for everyone to
    read. Only blocks among ``blocks`` are used.
    """
    told = {name: environment[name] for name in (*_settings(), *_AWS, *_LINKS) if environment.get(name)}
    if CREDENTIALS in blocks:
        place = CREDENTIALS.replace("/", ".")
        told |= {name: f"{{{{ prefect.blocks.{place}.{name.lower()} }}}}" for name in _KEYS if environment.get(name)}
    if RESULTS in blocks:
        told |= {
            # The folder that Prefect takes by itself goes with the container.
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": RESULTS,
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        }
    return told


def _settings() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if not name.startswith(_OTHERS):
            yield from _names(name, field)


def _names(name: str, field: FieldInfo) -> Iterator[str]:
    alias: Any = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else (name.upper(),)
    yield from map(str, choices)
