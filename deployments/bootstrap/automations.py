"""Automations, from ``automations.yaml``, known by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.bootstrap.changes import Change, Outcome
from deployments.bootstrap.files import read

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

__all__ = ["ensure_automations"]

_FILE = Path(__file__).with_name("automations.yaml")
_KIND = "automation"
_OURS = "sightline: "  # what each name in the file begins with


class _LeftOut(Exception):
    """What the automation would act on is not there."""


def ensure_automations(
    client: SyncPrefectClient, environment: Mapping[str, str], channels: Sequence[str]
) -> Iterator[Change]:
    """Make the automations as the file says; notifications go through those of the channels that can notify.

    One that has no channel to act through is left out, and says so. One of ours that the file no longer has is removed.
    """
    blocks = [block for channel in channels if (block := _notifier(client, channel)) is not None]
    specs = read(_FILE, environment)["automations"]
    names = {spec["name"] for spec in specs}
    for each in client.read_automations():
        if each.name.startswith(_OURS) and each.name not in names:
            client.delete_automation(each.id)
            yield Change(_KIND, each.name, Outcome.REMOVED, "it is no longer among the automations")
    for spec in specs:
        name, found = spec["name"], client.read_automations_by_name(spec["name"])
        try:
            actions = [action for each in spec["actions"] for action in _actions(each, blocks)]
        except _LeftOut as reason:
            for each in found:
                client.delete_automation(each.id)
            yield Change(_KIND, name, Outcome.REMOVED if found else Outcome.LEFT_OUT, str(reason))
            continue
        yield Change(_KIND, name, _ensure(client, found, {**spec, "actions": actions}))


def _ensure(client: SyncPrefectClient, found: Sequence[Any], spec: dict[str, Any]) -> Outcome:
    from prefect.events.schemas.automations import AutomationCore

    wanted = AutomationCore.model_validate(spec)
    if not found:
        client.create_automation(wanted)
        return Outcome.CREATED
    first, *others = found
    for each in others:
        client.delete_automation(each.id)
    if not others and _content(first) == _content(wanted):
        return Outcome.UNCHANGED
    if _content(first) != _content(wanted):
        # A field that is not sent stays as it is, and some must not be sent.
        said = {"description": wanted.description, **spec, "enabled": first.enabled}
        client.update_automation(first.id, AutomationCore.model_validate(said))
    return Outcome.UPDATED


def _content(automation: AutomationCore) -> Any:
    """What an automation says, without what the server gives it: whether it is switched on is the users' affair."""
    content = automation.model_dump(mode="json", include={"name", "description", "trigger", "actions"})
    content["trigger"].pop("id", None)
    for key in ("after", "expect", "for_each"):
        content["trigger"][key] = sorted(content["trigger"][key])
    return content


def _actions(spec: Mapping[str, Any], blocks: Iterable[UUID]) -> Iterator[dict[str, Any]]:
    """One action of the file in Prefect's own form."""
    if spec["type"] == "send-notification":
        if not blocks:
            raise _LeftOut("ALERT_CHANNELS has no block that can notify; slack-webhook/sightline is one")
        for block in blocks:
            yield {**spec, "block_document_id": block}
    else:
        yield dict(spec)


def _notifier(client: SyncPrefectClient, channel: str) -> UUID | None:
    """The block's id; None for a channel that the server cannot notify through, which the flows themselves use."""
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
