"""The automations that earlier versions created; the reconciler replaces them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deployments.bootstrap.resources import Change, ChangeType

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["remove_automations"]

_PREFIX = "sightline: "  # of the names of this project's automations; triggers of deployments have other names


def remove_automations(client: SyncPrefectClient) -> Iterator[Change]:
    """Remove this project's automations, which would alert a second time and crash healthy runs; yield the changes."""
    for automation in client.read_automations():
        if automation.name.startswith(_PREFIX):
            client.delete_automation(automation.id)
            yield Change("automation", automation.name, ChangeType.REMOVED, "the reconciler replaces it")
