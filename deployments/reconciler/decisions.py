"""What to do about a flow run, given its state and its containers. Pure functions: they read no clock and no service.

A decision follows from the run's present state, never from an event, so a lost event delays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

__all__ = [
    "Action",
    "Cancel",
    "Container",
    "Crash",
    "GiveUp",
    "Limits",
    "Retry",
    "Run",
    "Stop",
    "TimeOut",
    "decide",
    "decide_crashed",
]

PENDING, RUNNING, CANCELLING = "PENDING", "RUNNING", "CANCELLING"
_FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
_KILLED = 137  # 128 + SIGKILL


@dataclass(frozen=True)
class Run:
    """A flow run as the server has it.

    ``since`` is the time of its present state. ``is_here`` is false if its container was started on another machine.
    """

    state_type: str
    state_name: str
    since: datetime
    is_here: bool = True


@dataclass(frozen=True)
class Container:
    """A container of a run.

    It is live while it executes, or will in a moment. ``exit_code`` is None while it is live, and if it never started.
    """

    id: str
    run: str
    is_live: bool
    created: datetime
    exit_code: int | None = None
    out_of_memory: bool = False


@dataclass(frozen=True)
class Limits:
    """The times after which a state counts as stuck.

    Attributes:
        start: From Pending until a container must exist. The worker creates it at once, unless it pulls the image.
        pull: As ``start``, if the image is not on this machine yet.
        report: From the end of a container until its worker must have reported it.
        cancel: From Cancelling until the run itself must have stopped.
        finish: From a final state until the container must have ended.
        overrun: From the flow's timeout until the run must have ended by itself.
    """

    start: timedelta = timedelta(seconds=60)
    pull: timedelta = timedelta(minutes=15)
    report: timedelta = timedelta(seconds=30)
    cancel: timedelta = timedelta(seconds=30)
    finish: timedelta = timedelta(minutes=2)
    overrun: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Crash:
    """Set the run to Crashed: nothing executes it any more."""

    reason: str


@dataclass(frozen=True)
class Cancel:
    """Stop the containers, if any, and set the run to Cancelled: a person cancelled it, but nobody received that."""

    containers: tuple[str, ...]


@dataclass(frozen=True)
class TimeOut:
    """Stop the containers and set the run to TimedOut: its own timeout did not stop it."""

    containers: tuple[str, ...]


@dataclass(frozen=True)
class Stop:
    """Stop containers that should not run any more; the state is not changed."""

    containers: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Retry:
    """Schedule the crashed run again at a time. ``number`` counts the retries after one crash, from 1."""

    number: int
    at: datetime


@dataclass(frozen=True)
class GiveUp:
    """Leave the run crashed, and alert. ``crashes`` is the number of attempts that crashed."""

    crashes: int


Action: TypeAlias = Crash | Cancel | TimeOut | Stop


def decide(
    run: Run,
    containers: Sequence[Container],
    now: datetime,
    limits: Limits,
    *,
    has_image: bool = True,
    timeout: timedelta | None = None,
) -> Action | None:
    """Return what resolves the run; None if it is not stuck.

    Args:
        run: The run, read after the containers were listed: a container that had ended by then can change no state.
        containers: All containers of the run.
        now: The present time.
        limits: The times after which a state counts as stuck.
        has_image: Whether the image of the run is on the machine.
        timeout: The flow's timeout.
    """
    live = sorted((container for container in containers if container.is_live), key=lambda item: item.created)
    if not run.is_here and not live:
        return _elsewhere(run, now, limits, timeout)
    if run.state_type not in (PENDING, RUNNING):
        return _end(run, tuple(container.id for container in live), now, limits)
    if live:
        return _bound(run, live, now, limits, timeout)
    age, ended = now - run.since, max(containers, key=lambda item: item.created, default=None)
    # The container of an earlier attempt exists for a day.
    is_of_this_attempt = ended is not None and ended.created >= run.since - limits.start
    if run.state_type == PENDING and not is_of_this_attempt:
        is_stuck = age >= (limits.start if has_image else limits.pull)
        return Crash("No container was started: the worker that took the run is gone") if is_stuck else None
    return Crash(_end_of(ended)) if age >= limits.report else None


def decide_crashed(since: datetime, crashes: int, delays: Sequence[float]) -> Retry | GiveUp:
    """Return whether and when a crashed run is retried.

    Args:
        since: The time of the last crash.
        crashes: The number of crashes since a person or a schedule started the run.
        delays: The seconds to wait before each retry; their number is the number of retries.
    """
    if crashes > len(delays):
        return GiveUp(crashes)
    return Retry(crashes, since + timedelta(seconds=delays[crashes - 1]))


def _elsewhere(run: Run, now: datetime, limits: Limits, timeout: timedelta | None) -> Action | None:
    """Return what resolves a run without a container here whose last container was on another machine.

    That machine's reconciler sees the container. The others only end what it has not ended long after the limits.
    """
    if run.state_type == PENDING and now - run.since >= limits.pull:
        return Crash("No container was started: the worker that took the run is gone")
    if run.state_type == RUNNING and timeout is not None and now - run.since >= timeout + limits.pull:
        return TimeOut(())
    return None


def _end(run: Run, live: tuple[str, ...], now: datetime, limits: Limits) -> Action | None:
    """Return what ends a run that is Cancelling, or the containers of one that has ended."""
    age = now - run.since
    if run.state_type == CANCELLING:
        return Cancel(live) if age >= limits.cancel else None
    if run.state_type in _FINAL and live and age >= limits.finish:
        return Stop(live, f"the run has been {run.state_name} for {age.total_seconds():.0f} s")
    return None


def _bound(
    run: Run, live: Sequence[Container], now: datetime, limits: Limits, timeout: timedelta | None
) -> Action | None:
    """Return what limits a run that is being executed: to one container, and to its timeout."""
    if len(live) > 1:
        # A worker that was thought dead created its container late. The first one has started the work.
        return Stop(tuple(container.id for container in live[1:]), "another container executes the run")
    overran = timeout is not None and run.state_type == RUNNING and now - run.since >= timeout + limits.overrun
    return TimeOut((live[0].id,)) if overran else None


def _end_of(container: Container | None) -> str:
    if container is None:
        return "The container is gone"
    if container.exit_code is None:
        return "The container was created, but its worker did not start it"
    if container.out_of_memory:
        return "The container was killed because it used more than its memory limit"
    if container.exit_code == _KILLED:
        return f"The container was killed (exit status {_KILLED})"
    return f"The container ended with exit status {container.exit_code} before the run did"
