"""One pass over all runs: it decides what to do about each, does it, and alerts about what people must know."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prefect.client.schemas.objects import FlowRun, StateType

from deployments.reconciler import decisions, rendering
from deployments.reconciler.conditions import Backlog, PoolWatch
from deployments.reconciler.containers import ENGINE_ERRORS, RETENTION, Engine
from deployments.reconciler.decisions import Cancel, Container, Crash, GiveUp, Limits, Run, Stop, TimeOut
from deployments.reconciler.metrics import ReconcilerMetrics
from deployments.reconciler.server import SERVER_ERRORS, Pool, Server, state_of
from flows.catalogue import CATALOGUE, FlowEntry
from sightline.alerts import Alert
from sightline.errors import StorageError
from sightline.settings import Settings

__all__ = ["Reconciler"]

RETRIED, RECOVERED, GIVEN_UP, ALERTED = "retried", "recovered", "given up", "alerted"
"""Tags of runs: the state of their retries, and that an alert about their failure was sent."""

_WINDOW = timedelta(hours=24)  # runs that ended earlier are left alone
_HOOK = timedelta(seconds=60)  # the time that the run itself has to alert about its failure
_logger = logging.getLogger("deployments.reconciler")


@dataclass
class Reconciler:
    """Compares the runs of the work pools of containers with the containers.

    Attributes:
        server: The Prefect server.
        engine: The Docker engine.
        send: Stores an alert that is sent to every channel, once per key.
        now: Returns the present time.
        config: The settings: delays of retries, timeouts of flows.
        metrics: The metrics to update.
        limits: The times after which a state counts as stuck.
        available_since: The end of the last outage of the server. No run could start earlier, so none was late.
    """

    server: Server
    engine: Engine
    send: Callable[[Alert], None]
    now: Callable[[], datetime]
    config: Settings
    metrics: ReconcilerMetrics = field(default_factory=ReconcilerMetrics)
    limits: Limits = field(default_factory=Limits)
    available_since: datetime | None = None
    _pools: dict[str, PoolWatch] = field(default_factory=dict)

    def run_once(self) -> None:
        """Perform one pass. An error of the server or of Docker ends it, and the next pass starts again."""
        # The containers come first: a container that had ended by then can no longer change its run's state.
        containers: dict[str, list[Container]] = defaultdict(list)
        for container in self.engine.containers():
            containers[container.run].append(container)
        unfinished = self.server.unfinished()
        executed = {run for run, items in containers.items() if any(item.is_live for item in items)}
        others = self.server.by_id(executed - {str(run.id) for run in unfinished})
        for run in unfinished:
            # A run that was started again, by a person, may crash or fail again, which is another event.
            self._each(run, lambda run: self.server.retag(run, remove=[GIVEN_UP, RECOVERED, ALERTED]))
        for run in (*unfinished, *others):
            self._each(run, lambda run: self._resolve(run, containers[str(run.id)]))
        after = self.now() - _WINDOW
        crashed = self.server.crashed(after)
        for child in self.server.running_children(crashed):
            self._each(child, lambda run: self.server.crash(run, "The parent run has crashed"))
        for run in crashed:
            self._each(run, lambda run: self._retry(run, containers[str(run.id)]))
        for run in self.server.tagged(RETRIED, StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED):
            self._each(run, self._settle_retried)
        for run in self.server.failed(after):
            self._each(run, self._check_failure_alert)
        self._check_pools(self._without_superseded(self.server.due(self.now())), unfinished)
        self.metrics.passes.inc()

    def remove_stopped(self) -> None:
        """Remove the containers that ended long ago."""
        for container in self.engine.remove_stopped(self.now() - RETENTION):
            _logger.info("A stopped container is removed", extra={"container": container})

    def _each(self, run: FlowRun, step: Callable[[FlowRun], object]) -> None:
        """Execute one step; a failure of it is logged, and the other runs are still reconciled."""
        try:
            step(run)
        except (*SERVER_ERRORS, *ENGINE_ERRORS, StorageError) as error:
            _logger.warning("A run could not be reconciled", extra={"run": str(run.id), "reason": str(error)})

    def _resolve(self, run: FlowRun, containers: Sequence[Container]) -> None:
        entry = _ENTRIES.get(self.server.flow_name(run))
        setting = entry.timeout if entry else "flow_timeout_seconds"
        timeout: float = getattr(self.config, setting)
        action = decisions.decide(
            _view(run, is_here=self.engine.owns(run.infrastructure_pid)),
            containers,
            self.now(),
            self.limits,
            has_image=state_of(run).type is not StateType.PENDING or self._has_image(run),
            timeout=timedelta(seconds=timeout),
        )
        match action:
            case None:
                return
            case Crash(reason):
                is_done = self.server.crash(run, reason)
            case Cancel(ids):
                self._stop(ids)
                is_done = self.server.cancel(run, "Cancelled. The run did not stop by itself, so it was stopped")
            case TimeOut(ids):
                self._stop(ids)
                is_done = self.server.time_out(run, rendering.timeout_message(setting, timeout))
            case Stop(ids):
                self._stop(ids)
                is_done = True
        self.metrics.actions.labels(type(action).__name__).inc()
        _logger.warning("A run was stuck", extra={**_details(run), "action": repr(action), "done": is_done})

    def _stop(self, containers: Iterable[str]) -> None:
        for container in containers:
            self.engine.stop(container)

    def _has_image(self, run: FlowRun) -> bool:
        image = self.server.image(run.work_pool_name) if run.work_pool_name else None
        return image is None or self.engine.has_image(image)

    def _retry(self, run: FlowRun, containers: Sequence[Container]) -> None:
        if GIVEN_UP in run.tags:
            return
        # A crash can be reported although the process still works; the retry must not work beside it.
        self._stop(container.id for container in containers if container.is_live)
        delays, crashes = self.config.crash_retry_seconds, self.server.crashes(run)
        action = decisions.decide_crashed(state_of(run).timestamp, len(crashes), delays)
        if isinstance(action, GiveUp):
            self.send(rendering.given_up_alert(run, self.server.flow_name(run), crashes))
            # Only after the alert: if this process is killed in between, it is sent again, and the outbox drops it.
            self.server.retag(run, add=[GIVEN_UP], remove=[RETRIED])
            return
        self.server.retag(run, add=[RETRIED])
        if self.server.retry(run, action.at, action.number, len(delays)):
            self.metrics.actions.labels("Retry").inc()
            _logger.info("A crashed run is retried", extra={**_details(run), "at": action.at, "retry": action.number})

    def _settle_retried(self, run: FlowRun) -> None:
        """Alert about a run that crashed and was completed by a retry. A failed one has an alert of its own."""
        is_recovered = state_of(run).type is StateType.COMPLETED
        if is_recovered:
            self.send(rendering.recovered_alert(run, self.server.flow_name(run), self.server.crashes(run)))
        self.server.retag(run, add=[RECOVERED] if is_recovered else [], remove=[RETRIED])

    def _check_failure_alert(self, run: FlowRun) -> None:
        """Alert about a failed run whose own hook did not, for example because its container was killed."""
        if ALERTED in run.tags or self.now() - state_of(run).timestamp < _HOOK:
            return
        if alert := rendering.failed_alert(run, self.server.flow_name(run)):
            self.send(alert)
        self.server.retag(run, add=[ALERTED])

    def _without_superseded(self, due: Sequence[FlowRun]) -> list[FlowRun]:
        """Cancel the due runs of a schedule without overlap except the last one; return the other runs."""
        scheduled: dict[str, list[FlowRun]] = defaultdict(list)
        for run in due:
            entry = _ENTRIES.get(self.server.flow_name(run))
            if run.auto_scheduled and entry and entry.concurrency and entry.concurrency.cancel_new:
                scheduled[str(run.deployment_id)].append(run)
        superseded = [run for runs in scheduled.values() for run in runs[:-1]]
        for run in superseded:
            self._each(run, lambda run: self.server.cancel(run, "A later run of the schedule replaces this one"))
        return [run for run in due if run not in superseded]

    def _check_pools(self, due: Sequence[FlowRun], unfinished: Sequence[FlowRun]) -> None:
        for pool in self.server.pools():
            watch = self._pools.setdefault(pool.name, PoolWatch(timedelta(minutes=self.config.late_run_minutes)))
            if pool.is_paused:
                continue
            since = self.available_since or self.now()
            backlog = _backlog(pool, due, unfinished, self.now(), since)
            self.metrics.due.labels(pool.name).set(backlog.due)
            self.metrics.workers.labels(pool.name).set(backlog.workers)
            condition = watch.check(backlog, self.now())
            if condition:
                _logger.warning("A work pool needs attention", extra={"pool": pool.name, "condition": condition})
                self.send(rendering.pool_alert(pool.name, condition, self.now()))


_ENTRIES: dict[str, FlowEntry] = {entry.name: entry for entry in CATALOGUE}


def _view(run: FlowRun, *, is_here: bool) -> Run:
    state = state_of(run)
    return Run(state.type.value, str(state.name), state.timestamp, is_here)


def _details(run: FlowRun) -> dict[str, str]:
    return {"run": str(run.id), "run_name": run.name, "state": str(state_of(run).name)}


def _backlog(
    pool: Pool, due: Sequence[FlowRun], unfinished: Sequence[FlowRun], now: datetime, available_since: datetime
) -> Backlog:
    waiting = [run for run in due if run.work_pool_name == pool.name]
    oldest = min((run.next_scheduled_start_time or run.expected_start_time or now for run in waiting), default=now)
    in_progress = sum(run.work_pool_name == pool.name for run in unfinished)
    return Backlog(len(waiting), now - max(oldest, available_since), in_progress, pool.workers)
