"""The bootstrap's automations on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.states import Completed, Running

from deployments import bootstrap
from deployments.bootstrap.resources import read_definitions

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.soak]

AUTOMATIONS = Path(bootstrap.__file__).with_name("automations.yaml")
_WITHIN = 10  # seconds; the server's minimum


@flow
def never_run() -> None:
    """Own the runs below; it is never executed."""


@contextmanager
def heartbeats(server: str, *runs: UUID) -> Iterator[None]:
    """Send heartbeats of these runs inside the context."""
    stop = Event()

    def keep_beating() -> None:
        while not stop.wait(2):
            beat(server, *runs)

    thread = Thread(target=keep_beating)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def beat(server: str, *runs: UUID) -> None:
    """Send the heartbeat events that Prefect's flow engine sends."""
    events: list[dict[str, Any]] = [
        {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": "prefect.flow-run.heartbeat",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
        }
        for run in runs
    ]
    httpx.post(f"{server}/events", json=events, trust_env=False, timeout=30).raise_for_status()


def test_only_a_run_whose_heartbeat_stops_is_crashed(prefect_server: str) -> None:
    """Without it, the run of a machine that is switched off stays "Running" and nobody is alerted."""
    definitions = read_definitions(AUTOMATIONS, {})["automations"]
    [spec] = [definition for definition in definitions if "heartbeat has stopped" in definition["name"]]
    wanted = {**spec, "name": "short heartbeat limit", "trigger": {**spec["trigger"], "within": _WITHIN}}
    with get_client(sync_client=True) as client:
        automation = client.create_automation(AutomationCore.model_validate(wanted))
        try:
            time.sleep(3)  # until the server's services have read the new automation
            gone, alive, ended = (client.create_flow_run(never_run, state=Running()).id for _ in range(3))
            beat(prefect_server, gone, alive, ended)
            client.set_flow_run_state(ended, Completed())
            with heartbeats(prefect_server, alive):
                deadline = time.monotonic() + 90
                while (state := client.read_flow_run(gone).state) and not state.is_crashed():
                    assert time.monotonic() < deadline, "a run without a heartbeat stays Running"
                    time.sleep(1)
                assert "heartbeat has stopped" in str(state.message)
                time.sleep(_WITHIN)
                states = {run: client.read_flow_run(run).state for run in (alive, ended)}
        finally:
            client.delete_automation(automation)
    assert {run: state.name for run, state in states.items() if state} == {alive: "Running", ended: "Completed"}
