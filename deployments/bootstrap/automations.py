"""The automations of ``automations.yaml``, identified by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.bootstrap.resources import Change, ChangeType, read_definitions

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

__all__ = ["ensure_automations"]

_FILE = Path(__file__).with_name("automations.yaml")
_KIND = "automation"
_PREFIX = "sightline: "  # of every name in the file


class _NoChannel(Exception):
    """An action has no block to notify through."""


def ensure_automations(
    client: SyncPrefectClient, environment: Mapping[str, str], channels: Sequence[str]
) -> Iterator[Change]:
    """Create or update the automations of the file, and yield the changes.

    A notification goes through every channel that can notify. An automation without such a channel is skipped, with
    the reason. An automation of this project that is no longer in the file is removed.
    """
    blocks = [block for channel in channels if (block := _notification_block(client, channel)) is not None]
    definitions = read_definitions(_FILE, environment)["automations"]
    names = {definition["name"] for definition in definitions}
    for automation in client.read_automations():
        if automation.name.startswith(_PREFIX) and automation.name not in names:
            client.delete_automation(automation.id)
            yield Change(_KIND, automation.name, ChangeType.REMOVED, "it is no longer in automations.yaml")
    for definition in definitions:
        name = definition["name"]
        existing = client.read_automations_by_name(name)
        try:
            actions = [action for spec in definition["actions"] for action in _actions(spec, blocks)]
        except _NoChannel as reason:
            for automation in existing:
                client.delete_automation(automation.id)
            yield Change(_KIND, name, ChangeType.REMOVED if existing else ChangeType.SKIPPED, str(reason))
            continue
        yield Change(_KIND, name, _ensure(client, existing, {**definition, "actions": actions}))


def _ensure(client: SyncPrefectClient, existing: Sequence[Any], definition: dict[str, Any]) -> ChangeType:
    from prefect.events.schemas.automations import AutomationCore

    wanted = AutomationCore.model_validate(definition)
    if not existing:
        client.create_automation(wanted)
        return ChangeType.CREATED
    first, *duplicates = existing
    for duplicate in duplicates:
        client.delete_automation(duplicate.id)
    if not duplicates and _content(first) == _content(wanted):
        return ChangeType.UNCHANGED
    if _content(first) != _content(wanted):
        # A field that is not sent keeps its value on the server, and some fields must not be sent.
        update = {"description": wanted.description, **definition, "enabled": first.enabled}
        client.update_automation(first.id, AutomationCore.model_validate(update))
    return ChangeType.UPDATED


def _content(automation: AutomationCore) -> Any:
    """Return the fields to compare: without server-generated ids, and without ``enabled``, which users control."""
    content = automation.model_dump(mode="json", include={"name", "description", "trigger", "actions"})
    content["trigger"].pop("id", None)
    for key in ("after", "expect", "for_each"):
        content["trigger"][key] = sorted(content["trigger"][key])
    return content


def _actions(spec: Mapping[str, Any], blocks: Iterable[UUID]) -> Iterator[dict[str, Any]]:
    """Yield the actions in Prefect's form: one notification per block; other actions are unchanged."""
    if spec["type"] == "send-notification":
        if not blocks:
            raise _NoChannel("ALERT_CHANNELS has no block that can notify, such as slack-webhook/sightline")
        for block in blocks:
            yield {**spec, "block_document_id": block}
    else:
        yield dict(spec)


def _notification_block(client: SyncPrefectClient, channel: str) -> UUID | None:
    """Return the id of the channel's block, or None if the server cannot notify through it (only flows can)."""
    from prefect.exceptions import ObjectNotFound

    kind, _, name = channel.partition("/")
    if channel.startswith("arn:"):
        return None
    try:
        document = client.read_block_document_by_name(name, kind, include_secrets=False)
    except ObjectNotFound:
        return None
    schema = document.block_schema
    return document.id if schema is not None and "notify" in schema.capabilities else None
