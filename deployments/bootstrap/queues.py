"""The work queues of the work pools: one per flow, with the flow's concurrency limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deployments.bootstrap.resources import Change, ChangeType
from deployments.prefect_file import flows_of
from flows.catalogue import FlowEntry
from sightline.errors import InvalidInput

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import WorkQueue

__all__ = ["ensure_queues"]

_KIND = "work queue"
_FIRST_PRIORITY = 2  # 1 is the queue `default` that the server creates with every pool


def ensure_queues(client: SyncPrefectClient, pool: str) -> Iterator[Change]:
    """Create or update a queue in the work pool for every flow that may run there, and yield the changes.

    A queue that is paused stays paused. Raises ``InvalidInput`` if the pool does not exist.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        existing = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool)}
    except ObjectNotFound as error:
        raise InvalidInput(
            f"work pool {pool}", "does not exist", f"Create it: prefect work-pool create {pool} --type TYPE"
        ) from error
    # A worker starts the waiting runs of the queue with the lowest number first; the server keeps the numbers unique.
    for priority, entry in enumerate(flows_of(pool), _FIRST_PRIORITY):
        yield Change(_KIND, f"{pool}/{entry.name}", _ensure(client, pool, existing.get(entry.name), entry, priority))


def _ensure(
    client: SyncPrefectClient, pool: str, queue: WorkQueue | None, entry: FlowEntry, priority: int
) -> ChangeType:
    limit = entry.concurrency.limit if entry.concurrency else None
    if queue is None:
        client.create_work_queue(entry.name, concurrency_limit=limit, priority=priority, work_pool_name=pool)
        return ChangeType.CREATED
    if (queue.concurrency_limit, queue.priority) == (limit, priority):
        return ChangeType.UNCHANGED
    client.update_work_queue(queue.id, concurrency_limit=limit, priority=priority)
    return ChangeType.UPDATED
