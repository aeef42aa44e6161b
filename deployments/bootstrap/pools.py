"""The work pools of ``work_pools.yaml``, with the environment of their runs and their queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.bootstrap.blocks import ensure_block
from deployments.bootstrap.environment import FLOW_ENVIRONMENT
from deployments.bootstrap.queues import ensure_queues
from deployments.bootstrap.resources import Change, ChangeType, read_definitions
from sightline.errors import InvalidInput

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["ensure_pools"]

_FILE = Path(__file__).with_name("work_pools.yaml")
_KIND = "work pool"


def ensure_pools(
    client: SyncPrefectClient, environment: Mapping[str, str], flow_variables: Mapping[str, str]
) -> Iterator[Change]:
    """Create or update the work pools of the file with their queues, and yield the changes.

    ``flow_variables`` become the environment of every run in the pools, together with those of the file. Raises
    ``InvalidInput`` if a pool of that name exists with another type.
    """
    from deployments.bootstrap.flow_environment import FlowEnvironment

    for name, wanted in read_definitions(_FILE, environment)["pools"].items():
        variables = {**flow_variables, **wanted.pop("environment")}
        yield ensure_block(f"{FLOW_ENVIRONMENT}/{name}", FlowEnvironment(variables=variables))
        wanted["base_job_template"]["variables"]["properties"]["env"] = _fixed_environment(name)
        yield Change(_KIND, name, _ensure(client, name, wanted))
        yield from ensure_queues(client, name)


def _fixed_environment(pool: str) -> dict[str, Any]:
    """Return the job variable ``env``, whose only value is the reference to the pool's block.

    The server rejects any other value of a deployment's run. A worker also executes runs without a deployment, which
    the server does not check; it ignores their ``env``, because the default is no table that it could merge with.
    """
    reference = f"{{{{ prefect.blocks.{FLOW_ENVIRONMENT}.{pool}.variables }}}}"
    return {
        "title": "Environment",
        "description": f"The block with the environment variables of the runs, {FLOW_ENVIRONMENT}/{pool}.",
        "const": reference,
        "default": reference,
    }


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
