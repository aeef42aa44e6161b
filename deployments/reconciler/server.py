"""The part of the Prefect server that the reconciler uses: runs, their states, and the workers of the pools."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed

from deployments.bootstrap.environment import read_flow_environment

__all__ = ["RETRY", "SERVER_ERRORS", "Pool", "Server", "state_of"]

SERVER_ERRORS = (httpx.HTTPError, PrefectException)
RETRY = "Retry after a crash"
"""The beginning of the message of a state that the reconciler schedules."""

_DOCKER = "docker"
_PAGE = 200
_UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def state_of(run: FlowRun) -> State[Any]:
    """Return the run's state, which every run on a server has."""
    if run.state is None:
        raise ValueError(f"the run {run.id} has no state")
    return run.state


@dataclass(frozen=True)
class Pool:
    """A work pool of containers, and the number of its workers that report to the server."""

    name: str
    is_paused: bool
    workers: int


class Server:
    """The Prefect server. Every method raises :data:`SERVER_ERRORS`."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._flows: dict[UUID, str] = {}
        self._pools: list[WorkPool] = []

    def refresh(self) -> None:
        """Read the work pools. Call this at the beginning of a pass."""
        self._pools = [pool for pool in self._client.read_work_pools() if pool.type == _DOCKER]

    def pools(self) -> list[Pool]:
        """Return the work pools of containers."""
        return [
            Pool(
                pool.name,
                pool.is_paused,
                sum(worker.status.value == "ONLINE" for worker in self._client.read_workers_for_work_pool(pool.name)),
            )
            for pool in self._pools
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment of the flows, as the bootstrap stored it for the first of the pools."""
        environments = (read_flow_environment(self._client, pool.name) for pool in self._pools)
        return next(filter(None, environments), {})

    def image(self, pool: str) -> str | None:
        """Return the image of the pool's runs."""
        for candidate in self._pools:
            if candidate.name == pool:
                image = candidate.base_job_template.get("job_configuration", {}).get("image")
                return str(image) if image else None
        return None

    def flow_name(self, run: FlowRun) -> str:
        """Return the name of the run's flow."""
        if run.flow_id not in self._flows:
            self._flows[run.flow_id] = self._client.read_flow(run.flow_id).name
        return self._flows[run.flow_id]

    def unfinished(self) -> list[FlowRun]:
        """Return the runs that are Pending, Running or Cancelling."""
        return self._runs(state=_state(*_UNFINISHED))

    def by_id(self, ids: Collection[str]) -> list[FlowRun]:
        """Return the runs with these ids that exist."""
        if not ids:
            return []
        return list(self._read(FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run) for run in ids])), None))

    def crashed(self, after: datetime) -> list[FlowRun]:
        """Return the runs that crashed after a time and have not been started again."""
        return self._runs(state=_state(StateType.CRASHED), end_time=FlowRunFilterEndTime(after_=after))

    def failed(self, after: datetime) -> list[FlowRun]:
        """Return the runs that failed or timed out after a time."""
        return self._runs(state=_state(StateType.FAILED), end_time=FlowRunFilterEndTime(after_=after))

    def tagged(self, tag: str, *types: StateType) -> list[FlowRun]:
        """Return the runs with a tag in one of these states."""
        return self._runs(state=_state(*types), tags=FlowRunFilterTags(all_=[tag]))

    def due(self, before: datetime) -> list[FlowRun]:
        """Return the runs that are scheduled to start before a time, earliest first."""
        runs = self._runs(
            state=_state(StateType.SCHEDULED), expected_start_time=FlowRunFilterExpectedStartTime(before_=before)
        )
        return sorted(runs, key=lambda run: run.expected_start_time or before)

    def running_children(self, parents: Sequence[FlowRun]) -> list[FlowRun]:
        """Return the unfinished subflow runs of these runs."""
        found: list[FlowRun] = []
        generation = [run.id for run in parents]
        while generation:
            children = list(
                self._read(
                    FlowRunFilter(
                        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=generation), state=_state(*_UNFINISHED)
                    ),
                    None,
                )
            )
            found += children
            generation = [run.id for run in children]
        return found

    def crashes(self, run: FlowRun) -> list[State[Any]]:
        """Return the crashes since a person, a schedule or an upload started the run, earliest first."""
        found: list[State[Any]] = []
        for state in sorted(self._client.read_flow_run_states(run.id), key=lambda state: state.timestamp, reverse=True):
            if state.type is StateType.CRASHED:
                found.insert(0, state)
            elif state.type is StateType.SCHEDULED and not (state.message or "").startswith(RETRY):
                break
        return found

    def crash(self, run: FlowRun, reason: str) -> bool:
        """Set the run to Crashed."""
        return self._set(run, Crashed(message=reason))

    def cancel(self, run: FlowRun, reason: str) -> bool:
        """Set the run to Cancelled."""
        return self._set(run, Cancelled(message=reason))

    def time_out(self, run: FlowRun, message: str) -> bool:
        """Set the run to TimedOut, a failed state."""
        return self._set(run, Failed(name="TimedOut", message=message))

    def retry(self, run: FlowRun, at: datetime, number: int, of: int) -> bool:
        """Schedule the run to start at a time, as one of several retries."""
        reason = state_of(run).message
        return self._set(run, AwaitingRetry(scheduled_time=at, message=f"{RETRY}, {number} of {of}: {reason}"))

    def retag(self, run: FlowRun, *, add: Collection[str] = (), remove: Collection[str] = ()) -> None:
        """Change the run's tags, which people can filter by in the UI."""
        tags = sorted((set(run.tags) | set(add)) - set(remove))
        if tags != sorted(run.tags):
            self._client.update_flow_run(run.id, tags=tags)

    def _set(self, run: FlowRun, state: State[Any]) -> bool:
        """Set the state unless the run has changed or disappeared since it was read; return whether it was set."""
        try:
            if self._client.read_flow_run(run.id).state_id != run.state_id:
                return False
            self._client.set_flow_run_state(run.id, state, force=True)
        except ObjectNotFound:
            return False
        return True

    def _runs(self, **criteria: Any) -> list[FlowRun]:
        """Return the deployments' runs in the pools of containers. Runs of subflows have no pool."""
        if not self._pools:
            return []
        pools = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool.name for pool in self._pools]))
        return list(self._read(FlowRunFilter(**criteria), pools))

    def _read(self, runs: FlowRunFilter, pools: WorkPoolFilter | None) -> Iterator[FlowRun]:
        offset = 0
        while True:
            page = self._client.read_flow_runs(
                flow_run_filter=runs,
                work_pool_filter=pools,
                limit=_PAGE,
                offset=offset,
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            )
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE


def _state(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
