"""A rollback by any spelling of the version, and the event that triggers receive."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.events import EventTrigger, Posture
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore

from flows.monitor_model import monitor_model
from flows.rollback_model import rollback_model
from sightline.errors import InvalidModelName
from sightline.registry import ModelNotFound, Registry
from sightline.settings import settings
from tests.images import draft

pytestmark = pytest.mark.integration


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_bundled_models: None) -> Iterator[Registry]:
    """A registry with three versions of ``posture``, all promoted in turn."""
    monkeypatch.setenv("MODEL_BUCKET", str(tmp_path / "models"))
    settings.cache_clear()
    registry, files = Registry(tmp_path / "models"), tmp_path / "files"
    files.mkdir()
    (files / "weights.bin").write_bytes(b"weights")
    for _ in range(3):
        version = registry.publish(draft("posture"), files).version
        registry.promote("posture", version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
    yield registry
    settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "to", "version"),
    [("posture/1", None, 1), ("posture", 1, 1), ("posture/1", 1, 1), ("posture", None, 2)],
    ids=["name-with-version", "option", "both-the-same", "neither"],
)
def test_every_spelling_rolls_the_model_back(registry: Registry, name: str, to: int | None, version: int) -> None:
    result = rollback_model(name, to=to)
    assert (result.name, result.version, result.before) == ("posture", version, 3)
    pointer = registry.current("posture")
    assert pointer
    assert pointer.version == version


@pytest.mark.parametrize(
    ("name", "to", "error", "message"),
    [
        ("posture/1", 2, InvalidModelName, "posture/1: names another version than 2"),
        ("posture/x", None, InvalidModelName, "Write it as in posture/3"),
        ("Posture!", None, InvalidModelName, "cannot be a model's name"),
        ("endpoint://posture", None, InvalidModelName, "is an endpoint"),
        ("posture/7", None, ModelNotFound, "no such version of posture; there are 1, 2, 3"),
    ],
)
def test_rollback_rejects_unknown_version_and_invalid_name(
    registry: Registry, name: str, to: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rollback_model(name, to=to)
    pointer = registry.current("posture")
    assert pointer
    assert pointer.version == 3


@pytest.mark.parametrize(
    "match",
    [
        {"prefect.resource.id": "sightline.model.*", "sightline.model": "posture"},
        {"prefect.resource.id": "sightline.model.posture.*"},
    ],
    ids=["by-model-label", "by-resource-id"],
)
def test_trigger_that_filters_by_model_receives_the_rollback(
    registry: Registry, prefect_server: str, match: dict[str, str]
) -> None:
    since = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        deployment, automation = _automation(client, match)
        try:
            time.sleep(3)  # until the server's services have read the new automation
            rollback_model("posture/1")
            [run] = _await_runs(client, deployment)
        finally:
            client.delete_automation(automation)
    assert run.parameters == {"model": "posture"}

    [event] = _events_since(prefect_server, since)
    assert event["resource"] == {
        "prefect.resource.id": "sightline.model.posture.1",
        "prefect.resource.name": "posture/1",
        "sightline.model": "posture",
    }
    assert event["payload"] == {"previous": 3}


def _automation(client: SyncPrefectClient, match: dict[str, Any]) -> tuple[uuid.UUID, uuid.UUID]:
    """Create a deployment of monitor-model without a worker, and the automation that runs it after a rollback."""
    name = f"rollback-{uuid.uuid4().hex[:8]}"
    deployment = client.create_deployment(client.create_flow(monitor_model), name)
    action = RunDeployment(deployment_id=deployment, parameters={"model": "{{ event.resource['sightline.model'] }}"})
    trigger = EventTrigger(expect={"sightline.model.rolled-back"}, match=match, posture=Posture.Reactive, threshold=1)  # type: ignore[arg-type]
    return deployment, client.create_automation(AutomationCore(name=name, trigger=trigger, actions=[action]))


def _await_runs(client: SyncPrefectClient, deployment: uuid.UUID) -> list[FlowRun]:
    deadline = time.monotonic() + 90
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    while not (runs := client.read_flow_runs(deployment_filter=wanted)):
        assert time.monotonic() < deadline, "the trigger has not received the event"
        time.sleep(0.5)
    return runs


def _events_since(server: str, since: datetime) -> list[dict[str, Any]]:
    wanted = {"event": {"name": ["sightline.model.rolled-back"]}, "occurred": {"since": since.isoformat()}}
    deadline = time.monotonic() + 30
    while True:  # events reach the server's database a moment later
        answer = httpx.post(f"{server}/events/filter", json={"filter": wanted}, trust_env=False, timeout=30)
        events: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
        if events or time.monotonic() > deadline:
            return events
        time.sleep(0.5)
