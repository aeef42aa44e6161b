"""The work queues limit the runs of a flow, and the server counts them in its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.objects import WorkQueue
from prefect.states import Cancelled, Pending, Running, Scheduled, State

from deployments.bootstrap import Change, ChangeType
from deployments.bootstrap.queues import ensure_queues
from deployments.prefect_file import CONTAINERS, DEPLOYMENT, POOLS, flows_of
from flows.catalogue import CATALOGUE
from sightline.errors import InvalidInput

pytestmark = pytest.mark.integration

LIMITS = {entry.name: entry.concurrency.limit if entry.concurrency else None for entry in CATALOGUE}


def queues(client: SyncPrefectClient, pool: str) -> dict[str, WorkQueue]:
    """Return the queues of a pool in the order in which they are served."""
    found = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool)}
    return dict(sorted(found.items(), key=lambda item: item[1].priority))


def changed(client: SyncPrefectClient, pool: str) -> dict[str, ChangeType]:
    changes: list[Change] = list(ensure_queues(client, pool))
    return {change.name: change.outcome for change in changes if change.outcome is not ChangeType.UNCHANGED}


@pytest.mark.parametrize("pool", POOLS)
def test_every_flow_of_a_pool_has_a_queue_with_its_limit(bootstrapped: SyncPrefectClient, pool: str) -> None:
    found = queues(bootstrapped, pool)
    found.pop("default")
    assert {name: queue.concurrency_limit for name, queue in found.items()} == {
        entry.name: LIMITS[entry.name] for entry in flows_of(pool)
    }
    assert list(found) == [entry.name for entry in flows_of(pool)]


def test_changed_limits_and_order_are_restored_and_a_paused_queue_stays_paused(
    bootstrapped: SyncPrefectClient,
) -> None:
    before = queues(bootstrapped, CONTAINERS)
    bootstrapped.update_work_queue(before["process-video"].id, concurrency_limit=9)
    bootstrapped.update_work_queue(before["review-predictions"].id, concurrency_limit=1)
    bootstrapped.update_work_queue(before["train-ranking"].id, concurrency_limit=None)
    bootstrapped.update_work_queue(before["process-upload"].id, priority=1)
    bootstrapped.update_work_queue(before["rank-images"].id, is_paused=True)
    assert set(changed(bootstrapped, CONTAINERS).values()) == {ChangeType.UPDATED}
    assert changed(bootstrapped, CONTAINERS) == {}
    after = queues(bootstrapped, CONTAINERS)
    assert {name: queue.concurrency_limit for name, queue in after.items() if name != "default"} == {
        entry.name: LIMITS[entry.name] for entry in flows_of(CONTAINERS)
    }
    assert [name for name in after if name != "default"] == [entry.name for entry in flows_of(CONTAINERS)]
    assert after["rank-images"].is_paused
    bootstrapped.update_work_queue(before["rank-images"].id, is_paused=False)


def test_queue_of_a_user_is_kept_and_does_not_change_the_order(bootstrapped: SyncPrefectClient) -> None:
    mine = bootstrapped.create_work_queue("mine", priority=3, concurrency_limit=5, work_pool_name=CONTAINERS)
    changed(bootstrapped, CONTAINERS)
    assert changed(bootstrapped, CONTAINERS) == {}
    after = queues(bootstrapped, CONTAINERS)
    assert after["mine"].concurrency_limit == 5
    assert [name for name in after if name in LIMITS] == [entry.name for entry in flows_of(CONTAINERS)]
    bootstrapped.delete_work_queue_by_id(mine.id)


def test_pool_that_does_not_exist_is_rejected_by_name(bootstrapped: SyncPrefectClient) -> None:
    with pytest.raises(InvalidInput, match=r"work pool some-ecs: does not exist\. Create it: prefect work-pool create"):
        list(ensure_queues(bootstrapped, "some-ecs"))


@pytest.fixture
def create(bootstrapped: SyncPrefectClient) -> Iterator[Callable[[str, State], UUID]]:
    """A function that creates a run of a flow in a state; a worker of the pool may start any number of runs."""
    pool = bootstrapped.read_work_pool(CONTAINERS)
    bootstrapped.update_work_pool(CONTAINERS, WorkPoolUpdate(concurrency_limit=100))
    runs: list[UUID] = []

    def create(name: str, state: State) -> UUID:
        deployment = bootstrapped.create_deployment(
            bootstrapped.create_flow_from_name(name), DEPLOYMENT, work_pool_name=CONTAINERS, work_queue_name=name
        )
        run = bootstrapped.create_flow_run_from_deployment(deployment).id
        bootstrapped.set_flow_run_state(run, state, force=True)
        runs.append(run)
        return run

    yield create
    for run in runs:
        bootstrapped.delete_flow_run(run)
    bootstrapped.update_work_pool(CONTAINERS, WorkPoolUpdate(concurrency_limit=pool.concurrency_limit))


def offered(client: SyncPrefectClient) -> list[UUID]:
    """Return the runs that a worker of the pool gets, in order; like the worker, name no queue."""
    responses = client.get_scheduled_flow_runs_for_work_pool(CONTAINERS, work_queue_names=[])
    return [response.flow_run.id for response in responses]


@pytest.mark.parametrize("state", [Running, Pending])
@pytest.mark.parametrize("name", ["train-ranking", "process-video"])
def test_flow_at_its_limit_starts_no_further_run_until_one_ends(
    bootstrapped: SyncPrefectClient,
    create: Callable[[str, State], UUID],
    name: str,
    state: Callable[[], State],
) -> None:
    """The runs are counted in the database: no lease expires, and none is lost with the server."""
    active = [create(name, state()) for _ in range(LIMITS[name] or 0)]
    waiting, other = create(name, due()), create("rank-images", due())
    assert offered(bootstrapped) == [other]
    bootstrapped.set_flow_run_state(active[0], Cancelled(), force=True)
    assert set(offered(bootstrapped)) == {other, waiting}


def test_flow_without_a_limit_is_never_held_back(
    bootstrapped: SyncPrefectClient, create: Callable[[str, State], UUID]
) -> None:
    """A review that waits for an answer must not block another one."""
    for _ in range(5):
        create("review-predictions", Running())
    waiting = create("review-predictions", due())
    assert offered(bootstrapped) == [waiting]


def test_many_uploads_do_not_hold_back_other_flows(
    bootstrapped: SyncPrefectClient, create: Callable[[str, State], UUID]
) -> None:
    bootstrapped.update_work_pool(CONTAINERS, WorkPoolUpdate(concurrency_limit=2))
    uploads = [create("process-upload", due(minutes=60 - minute)) for minute in range(4)]
    training = create("train-emotion", due())
    assert offered(bootstrapped) == [training, uploads[0]]


def due(minutes: int = 1) -> State:
    return Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=minutes))
