"""A Prefect server without the resources of the bootstrap, or with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

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
        client.delete_work_pool(pool.name)
    for automation in client.read_automations():
        client.delete_automation(automation.id)
    for document in client.read_block_documents():
        if document.id:
            client.delete_block_document(document.id)
