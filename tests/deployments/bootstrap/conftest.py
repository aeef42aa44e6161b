"""A Prefect server without the resources of the bootstrap, or with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool

from deployments.bootstrap import bootstrap


@pytest.fixture
def client(prefect_server: str) -> Iterator[SyncPrefectClient]:
    """A client of a server without any resource of the bootstrap."""
    with get_client(sync_client=True) as client:
        _remove_all(client)
        yield client


@pytest.fixture(scope="module")
def bootstrapped(prefect_server: str) -> Iterator[SyncPrefectClient]:
    """A client of a server after a bootstrap without any variable; for all tests of a module."""
    with get_client(sync_client=True) as client:
        _remove_all(client)
        list(bootstrap({}))
        yield client


def _remove_all(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for pool in client.read_work_pools():
        remove_pool(client, pool)
    for automation in client.read_automations():
        client.delete_automation(automation.id)
    for document in client.read_block_documents():
        if document.id:
            client.delete_block_document(document.id)


def remove_pool(client: SyncPrefectClient, pool: WorkPool) -> None:
    """Remove a work pool and its queues.

    The server reads a pool, emits an event for each of its queues, and deletes it, in one transaction. If anything else
    is written meanwhile, SQLite refuses that. Without its queues, it takes a moment.
    """
    for queue in client.read_work_queues(work_pool_name=pool.name):
        if queue.id != pool.default_queue_id:
            client.delete_work_queue_by_id(queue.id)
    client.delete_work_pool(pool.name)
