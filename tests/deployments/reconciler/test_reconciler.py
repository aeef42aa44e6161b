"""The reconciler against a Prefect server, with a simulated Docker engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import (
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Pending,
    Running,
    Scheduled,
    Suspended,
)

from deployments.reconciler.containers import Engine
from deployments.reconciler.decisions import Container
from deployments.reconciler.reconciler import ALERTED, GIVEN_UP, RECOVERED, RETRIED, Reconciler
from deployments.reconciler.server import Server, state_of
from sightline.alerts import Alert
from sightline.settings import Settings

pytestmark = pytest.mark.integration

DELAYS = (10.0, 120.0)


@flow(name="process-video")
def work() -> None:
    """Do nothing: the runs of the tests are never executed."""


@flow(name="sweep-uploads")
def sweep() -> None:
    """Do nothing."""


@task
def subflow_task() -> None:
    """Stand for the task run that represents a subflow in its parent."""


@dataclass
class Docker:
    """The containers that a Docker engine would have."""

    items: dict[str, Container] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def containers(self) -> list[Container]:
        return list(self.items.values())

    def owns(self, infrastructure_pid: str | None) -> bool:
        return infrastructure_pid is None or infrastructure_pid.startswith("here:")

    def has_image(self, name: str) -> bool:
        return True

    def stop(self, container: str) -> None:
        self.stopped.append(container)
        self.items[container] = replace(self.items[container], is_live=False, exit_code=143)

    def start(self, run: FlowRun) -> str:
        name = uuid.uuid4().hex
        self.items[name] = Container(name, str(run.id), True, datetime.now(UTC))
        return name

    def kill(self, name: str, exit_code: int = 137) -> None:
        self.items[name] = replace(self.items[name], is_live=False, exit_code=exit_code)


class OnePool(Server):
    """The server with one of its pools: the other tests in this process have theirs on the same server."""

    def __init__(self, client: SyncPrefectClient, pool: str) -> None:
        super().__init__(client)
        self.pool = pool

    def refresh(self) -> None:
        super().refresh()
        self._pools = [pool for pool in self._pools if pool.name == self.pool]


@dataclass
class World:
    """One work pool with its runs, its containers, a clock that the test moves, and the alerts that were sent."""

    client: SyncPrefectClient
    pool: str
    engine: Docker = field(default_factory=Docker)
    alerts: list[Alert] = field(default_factory=list)
    later: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.server = OnePool(self.client, self.pool)
        config = Settings(_env_file=None, crash_retry_seconds=DELAYS)
        self.reconciler = Reconciler(
            self.server, _engine(self.engine), self.alerts.append, self.now, config, available_since=self.now()
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def deployment(self, function: Any) -> Any:
        name = f"d-{uuid.uuid4().hex[:8]}"
        return self.client.create_deployment(self.client.create_flow(function), name, work_pool_name=self.pool)

    def run(self, *states: State, function: Any = work) -> FlowRun:
        run = self.client.create_flow_run_from_deployment(self.deployment(function))
        return self.set(run, *states)

    def set(self, run: FlowRun, *states: State) -> FlowRun:
        for state in states:
            self.client.set_flow_run_state(run.id, state, force=True)
        return self.read(run)

    def read(self, run: FlowRun) -> FlowRun:
        return self.client.read_flow_run(run.id)

    def state(self, run: FlowRun) -> str:
        return str(state_of(self.read(run)).name)

    def reconcile(self, after: float = 0) -> None:
        self.later += timedelta(seconds=after)
        self.server.refresh()
        self.reconciler.run_once()


def scheduled_time(run: FlowRun) -> datetime:
    time = state_of(run).state_details.scheduled_time
    assert time
    return time


def _engine(docker: Docker) -> Engine:
    return docker  # type: ignore[return-value]


@pytest.fixture
def world(prefect_server: str) -> Iterator[World]:
    with get_client(sync_client=True) as client:
        pool = f"pool-{uuid.uuid4().hex[:8]}"
        client.create_work_pool(WorkPoolCreate(name=pool, type="docker"))
        try:
            yield World(client, pool)
        finally:
            client.delete_work_pool(pool)


def test_pending_run_of_a_dead_worker_is_started_again_within_two_minutes(world: World) -> None:
    run = world.run(Pending())
    world.reconcile(50)
    assert world.state(run) == "Pending"
    world.reconcile(15)
    assert world.state(run) == "AwaitingRetry"
    retried = world.read(run)
    assert RETRIED in retried.tags
    assert scheduled_time(retried) < datetime.now(UTC) + timedelta(seconds=DELAYS[0] + 1)
    assert world.alerts == []


def test_run_whose_container_is_gone_is_retried_and_one_alert_reports_the_recovery(world: World) -> None:
    run = world.run(Pending(), Running())
    world.engine.kill(world.engine.start(run))
    world.reconcile(31)
    assert world.state(run) == "AwaitingRetry"
    world.set(run, Pending(), Running())
    world.engine.start(run)
    world.reconcile(3600)
    assert world.state(run) == "Running"
    world.set(run, Completed())
    world.reconcile(10)
    world.reconcile(10)
    [alert] = world.alerts
    assert alert.title == "process-video crashed and was completed by 1 retry"
    assert "killed (exit status 137)" in alert.facts["crash 1"]
    assert RECOVERED in world.read(run).tags
    assert RETRIED not in world.read(run).tags


def test_run_that_always_crashes_is_given_up_with_one_alert_and_a_person_can_start_it_again(world: World) -> None:
    run = world.run()
    for _ in range(len(DELAYS) + 1):
        world.set(run, Pending(), Running(), Crashed(message="out of memory"))
        world.reconcile(10)
    for _ in range(3):
        world.reconcile(3600)
    assert world.state(run) == "Crashed"
    [first] = world.alerts
    assert first.kind == "failure"
    assert "crashed 3 times" in first.title
    assert first.facts["crash 3"] == "out of memory"

    world.set(run, Scheduled(message="retried in the UI"), Pending(), Running())
    world.engine.start(run)
    world.reconcile()
    assert GIVEN_UP not in world.read(run).tags
    world.set(run, Crashed())
    world.reconcile()
    assert world.state(run) == "AwaitingRetry", "the crashes of the time before do not count"
    assert [alert.key for alert in world.alerts if "given up" in alert.key] == [first.key]


def test_process_of_a_crashed_run_is_stopped_before_the_retry(world: World) -> None:
    run = world.run(Pending(), Running())
    container = world.engine.start(run)
    world.set(run, Crashed())
    world.reconcile()
    assert world.engine.stopped == [container]
    assert world.state(run) == "AwaitingRetry"


def test_delays_between_retries_grow(world: World) -> None:
    run = world.run()
    for delay in DELAYS:
        crashed = world.set(run, Pending(), Running(), Crashed())
        world.reconcile()
        scheduled = scheduled_time(world.read(run))
        assert (scheduled - state_of(crashed).timestamp).total_seconds() == pytest.approx(delay, abs=1)


def test_suspended_review_survives_any_absence(world: World) -> None:
    run = world.run(Pending(), Running(), Suspended(timeout_seconds=1_000_000))
    world.engine.kill(world.engine.start(run), exit_code=0)
    for _ in range(3):
        world.reconcile(36_000)
    assert world.state(run) == "Suspended"
    assert world.alerts == []


def test_healthy_run_is_left_alone_whatever_its_age(world: World) -> None:
    run = world.run(Pending(), Running())
    world.engine.start(run)
    world.reconcile(36_000)
    assert world.state(run) == "Running"
    assert world.engine.stopped == []


def test_run_on_another_machine_is_left_alone(world: World) -> None:
    run = world.run(Pending(), Running())
    world.client.update_flow_run(run.id, infrastructure_pid="http://docker-two:2375:1a2b")
    world.reconcile(36_000)
    assert world.state(run) == "Running"


def test_cancellation_that_the_run_did_not_receive_stops_its_container(world: World) -> None:
    run = world.run(Pending(), Running())
    container = world.engine.start(run)
    world.set(run, Cancelling())
    world.reconcile(31)
    assert world.state(run) == "Cancelled"
    assert world.engine.stopped == [container]
    assert world.alerts == []


def test_cancelled_and_completed_runs_are_not_retried(world: World) -> None:
    ends: list[State] = [Cancelled(), Completed()]
    runs = [world.run(Pending(), Running(), end) for end in ends]
    world.reconcile(100)
    assert [world.state(run) for run in runs] == ["Cancelled", "Completed"]
    assert world.alerts == []


def test_run_beyond_its_timeout_is_stopped_and_one_alert_names_the_setting(world: World) -> None:
    run = world.run(Pending(), Running())
    container = world.engine.start(run)
    world.reconcile(world.reconciler.config.flow_timeout_seconds + 130)
    assert world.state(run) == "TimedOut"
    assert world.engine.stopped == [container]
    world.later += timedelta(seconds=61)
    world.reconcile(61)
    world.reconcile(61)
    [alert] = world.alerts
    assert "FLOW_TIMEOUT_SECONDS" in alert.facts["message"]
    assert ALERTED in world.read(run).tags


def test_failed_run_without_an_alert_of_its_hook_gets_one(world: World) -> None:
    run = world.run(Pending(), Running(), Failed(message="InvalidInput: x.mp4: is empty"))
    world.reconcile(30)
    assert world.alerts == [], "the hook of the run has a minute"
    world.reconcile(31)
    world.reconcile(31)
    [alert] = world.alerts
    assert alert.run_id == str(run.id)


def test_subflow_run_of_a_crashed_run_does_not_stay_running(world: World) -> None:
    parent = world.run(Pending(), Running())
    task_run = world.client.create_task_run(subflow_task, parent.id, dynamic_key="0")
    child = world.client.create_flow_run(work, parent_task_run_id=task_run.id)
    world.set(child, Running())
    world.reconcile(31)
    assert world.state(child) == "Crashed"
    assert world.state(parent) == "AwaitingRetry"
    assert world.alerts == []


def test_only_the_last_of_the_due_runs_of_a_schedule_without_overlap_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = world.deployment(sweep)
    runs = [
        world.client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=datetime.now(UTC) - timedelta(hours=hours))
        )
        for hours in (3, 2, 1)
    ]
    manual = world.run(function=sweep)
    # The API does not let a client create a run as the scheduler does.
    monkeypatch.setattr(world.server, "due", _auto_scheduled(world.server.due, {run.id for run in runs}))
    world.reconcile()
    assert [world.state(run) for run in runs] == ["Cancelled", "Cancelled", "Scheduled"]
    assert world.state(manual) == "Scheduled"


def test_state_that_changed_since_it_was_read_is_not_overwritten(world: World) -> None:
    run = world.run(Pending(), Running())
    stale = world.read(run)
    world.set(run, Completed())
    assert not world.server.crash(stale, "gone")
    assert world.state(run) == "Completed"


def test_one_run_that_cannot_be_reconciled_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.run(Pending(), Running()), world.run(Pending(), Running())
    container = world.engine.start(first)
    world.set(first, Cancelling())

    def refuse(_: str) -> None:
        raise OSError("the engine is busy")

    monkeypatch.setattr(world.engine, "stop", refuse)
    world.reconcile(31)
    assert world.state(first) == "Cancelling"
    assert world.state(second) == "AwaitingRetry"
    assert world.engine.items[container].is_live


def test_pool_without_workers_causes_one_alert(world: World) -> None:
    world.client.create_flow_run_from_deployment(world.deployment(work))
    for _ in range(10):
        world.reconcile(60)
    [alert] = world.alerts
    assert "1 run is due" in alert.facts["condition"]


def test_runs_that_were_due_during_an_outage_are_not_late(world: World) -> None:
    world.client.create_flow_run_from_deployment(world.deployment(work))
    world.later = timedelta(hours=5)
    world.reconciler.available_since = world.now()
    world.reconcile()
    world.reconcile(240)
    assert world.alerts == []


def _auto_scheduled(due: Any, ids: set[Any]) -> Any:
    return lambda before: [run.model_copy(update={"auto_scheduled": run.id in ids}) for run in due(before)]
