"""The environment of the flow runs: what the bootstrap passes on to them, and the blocks that it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from sightline.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["CREDENTIALS", "FLOW_ENVIRONMENT", "RESULTS", "flow_environment", "read_flow_environment"]

CREDENTIALS = "aws-credentials/sightline"
"""The block with the region and the address of S3 for :data:`RESULTS`; it has no keys."""
FLOW_ENVIRONMENT = "flow-environment"
"""The type of the blocks with the environment of a work pool's runs. A block is named like its pool."""
RESULTS = "s3-bucket/sightline"
"""The block with the bucket in which Prefect stores the results of flows."""

_AWS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION")
_LINKS = ("PREFECT_UI_URL",)  # the server's address for browsers; containers use another one
# Settings of the services; and one that the work pools set.
_NOT_FOR_FLOWS = (
    "api_",
    "local_server",
    "prefect_",
    "s3_events_",
    "reconciler_",
    "crash_retry_",
    "late_run_",
    "supervised",
)


def flow_environment(environment: Mapping[str, str], *, blocks: frozenset[str]) -> dict[str, str]:
    """Return the flows' settings that are set, the address of S3 and the base of links.

    Secrets such as AWS keys are never copied: containers read them from files, processes have those of their worker.
    Only blocks named in ``blocks`` (``TYPE/NAME``) are used.
    """
    variables = {name: environment[name] for name in (*_settings(), *_AWS, *_LINKS) if environment.get(name)}
    if RESULTS in blocks:
        variables |= {
            # Prefect's default is a folder in the container, which is lost with it.
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": RESULTS,
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        }
    return variables


def read_flow_environment(client: SyncPrefectClient, pool: str) -> dict[str, str]:
    """Return the environment that the bootstrap stored for a work pool's runs; empty for a pool that it does not know.

    Raises an error of the client if the server does not respond.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        document = client.read_block_document_by_name(pool, FLOW_ENVIRONMENT)
    except ObjectNotFound:
        return {}
    return {name: value for name, value in document.data["variables"].items() if value is not None}


def _settings() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if not name.startswith(_NOT_FOR_FLOWS):
            yield from _names(name, field)


def _names(name: str, field: FieldInfo) -> Iterator[str]:
    alias: Any = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else (name.upper(),)
    yield from map(str, choices)
