"""The environment variables that the bootstrap passes on to the flows' containers."""

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
"""The block with the bucket in which Prefect stores the results of flows."""

_AWS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LINKS = ("PREFECT_UI_URL",)  # the server's address for browsers; containers use another one
_NOT_FOR_FLOWS = ("api_", "prefect_", "s3_events_")  # settings of the HTTP service, Prefect and the listener


def flow_environment(environment: Mapping[str, str], *, blocks: frozenset[str]) -> dict[str, str]:
    """Return the flows' settings that are set, the address of S3 and the base of links.

    AWS keys are never copied, because everyone can read a work pool's variables; they are templates that refer to the
    credentials block. Only blocks named in ``blocks`` (``TYPE/NAME``) are used.
    """
    variables = {name: environment[name] for name in (*_settings(), *_AWS, *_LINKS) if environment.get(name)}
    if CREDENTIALS in blocks:
        block = CREDENTIALS.replace("/", ".")
        variables |= {
            name: f"{{{{ prefect.blocks.{block}.{name.lower()} }}}}" for name in _KEYS if environment.get(name)
        }
    if RESULTS in blocks:
        variables |= {
            # Prefect's default is a folder in the container, which is lost with it.
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": RESULTS,
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        }
    return variables


def _settings() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if not name.startswith(_NOT_FOR_FLOWS):
            yield from _names(name, field)


def _names(name: str, field: FieldInfo) -> Iterator[str]:
    alias: Any = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else (name.upper(),)
    yield from map(str, choices)
