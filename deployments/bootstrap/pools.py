"""The work pools of ``work_pools.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.bootstrap.changes import Change, Outcome
from deployments.bootstrap.files import read
from sightline.errors import InvalidInput

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["ensure_pools"]

_FILE = Path(__file__).with_name("work_pools.yaml")


def ensure_pools(
    client: SyncPrefectClient, environment: Mapping[str, str], told: Mapping[str, str]
) -> Iterator[Change]:
    """Make the pools as the file says; ``told`` becomes the environment of every run in them.

    Raises ``InvalidInput`` for a pool of another type that has the name.
    """
    for name, wanted in read(_FILE, environment)["pools"].items():
        env = wanted["base_job_template"]["variables"]["properties"]["env"]
        env["default"] = {**env.get("default", {}), **told}
        yield Change("work pool", name, _ensure(client, name, wanted))


def _ensure(client: SyncPrefectClient, name: str, wanted: dict[str, Any]) -> Outcome:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, **wanted))
        return Outcome.CREATED
    if pool.type != wanted["type"]:
        raise InvalidInput(
            f"work pool {name}", f"is of the type {pool.type}, not {wanted['type']}",
            f"Delete it: prefect work-pool delete {name}",
        )  # fmt: skip
    changes = {each: wanted[each] for each in wanted if each != "type"}
    if all(getattr(pool, each) == value for each, value in changes.items()):
        return Outcome.UNCHANGED
    client.update_work_pool(name, WorkPoolUpdate(**changes))
    return Outcome.UPDATED
