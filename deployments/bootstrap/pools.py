"""The work pools of ``work_pools.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.bootstrap.resources import Change, ChangeType, read_definitions
from sightline.errors import InvalidInput

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["ensure_pools"]

_FILE = Path(__file__).with_name("work_pools.yaml")


def ensure_pools(
    client: SyncPrefectClient, environment: Mapping[str, str], flow_variables: Mapping[str, str]
) -> Iterator[Change]:
    """Create or update the work pools of the file, and yield the changes.

    ``flow_variables`` become the environment of every run in the pools. Raises ``InvalidInput`` if a pool of that name
    exists with another type.
    """
    for name, wanted in read_definitions(_FILE, environment)["pools"].items():
        env = wanted["base_job_template"]["variables"]["properties"]["env"]
        env["default"] = {**env.get("default", {}), **flow_variables}
        yield Change("work pool", name, _ensure(client, name, wanted))


def _ensure(client: SyncPrefectClient, name: str, wanted: dict[str, Any]) -> ChangeType:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, **wanted))
        return ChangeType.CREATED
    if pool.type != wanted["type"]:
        raise InvalidInput(
            f"work pool {name}", f"has the type {pool.type}, not {wanted['type']}",
            f"Delete it: prefect work-pool delete {name}",
        )  # fmt: skip
    changes = {field: value for field, value in wanted.items() if field != "type"}
    if all(getattr(pool, field) == value for field, value in changes.items()):
        return ChangeType.UNCHANGED
    client.update_work_pool(name, WorkPoolUpdate(**changes))
    return ChangeType.UPDATED
