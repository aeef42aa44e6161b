"""What the server does by itself, by the automations of the bootstrap."""

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
from deployments.bootstrap.files import read

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.soak]

AUTOMATIONS = Path(bootstrap.__file__).with_name("automations.yaml")
_WITHIN = 10  # seconds; the server takes no less


@flow
def never_run() -> None:
    """What the runs below are runs of."""


@contextmanager
def heartbeats(server: str, *runs: UUID) -> Iterator[None]:
    """The hearts of these runs beat until the end."""
    over = Event()

    def beat_on() -> None:
        while not over.wait(2):
            beat(server, *runs)

    thread = Thread(target=beat_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def beat(server: str, *runs: UUID) -> None:
    """Tell the server what Prefect's flow engine does."""
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


def test_a_run_whose_heart_stops_is_crashed_and_one_that_lives_or_has_ended_is_not(prefect_server: str) -> None:
    """A machine that is switched off tells nobody: its run would be "Running" for ever, and nobody alerted."""
    [spec] = [each for each in read(AUTOMATIONS, {})["automations"] if "heartbeat has stopped" in each["name"]]
    wanted = {**spec, "name": "short of breath", "trigger": {**spec["trigger"], "within": _WITHIN}}
    with get_client(sync_client=True) as client:
        automation = client.create_automation(AutomationCore.model_validate(wanted))
        try:
            time.sleep(3)  # the server's services read the new automation
            gone, alive, ended = (client.create_flow_run(never_run, state=Running()).id for _ in range(3))
            beat(prefect_server, gone, alive, ended)
            client.set_flow_run_state(ended, Completed())
            with heartbeats(prefect_server, alive):
                deadline = time.monotonic() + 90
                while (state := client.read_flow_run(gone).state) and not state.is_crashed():
                    assert time.monotonic() < deadline, "a run without a heartbeat goes on as Running"
                    time.sleep(1)
                assert "heartbeat has stopped" in str(state.message)
                time.sleep(_WITHIN)
                states = {each: client.read_flow_run(each).state for each in (alive, ended)}
        finally:
            client.delete_automation(automation)
    assert {each: state.name for each, state in states.items() if state} == {alive: "Running", ended: "Completed"}
