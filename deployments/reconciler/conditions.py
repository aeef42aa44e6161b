"""Conditions that concern people even though no single run is stuck: outages, lost workers, runs that start late.

Each is alerted about once while it lasts. The functions and classes here call no service.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["Backlog", "Outage", "OutageWatch", "PoolWatch", "QueueWatch"]

_MANY = 20  # due runs; fewer are not a growing queue


@dataclass(frozen=True)
class Outage:
    """An outage that is over."""

    since: datetime
    until: datetime
    reason: str


@dataclass
class OutageWatch:
    """Watches whether a service responds. An outage shorter than ``shortest`` is not reported."""

    shortest: timedelta
    _since: datetime | None = None
    _reason: str = ""

    def failed(self, reason: str, now: datetime) -> bool:
        """Record that the service did not respond; return whether this begins an outage."""
        is_first = self._since is None
        if self._since is None:
            self._since = now
        self._reason = reason
        return is_first

    def responded(self, now: datetime) -> Outage | None:
        """Record a response; return the outage that it ends, if one was long enough."""
        since, self._since = self._since, None
        if since is None or now - since < self.shortest:
            return None
        return Outage(since, now, self._reason)


@dataclass(frozen=True)
class Backlog:
    """The runs of a pool that are due. ``oldest`` is the time since the first of them was due."""

    due: int
    oldest: timedelta
    in_progress: int
    workers: int


@dataclass
class PoolWatch:
    """Watches one work pool, and describes its condition if it needs attention.

    Attributes:
        late: The wait of a run after which it is late, although others are executed.
        stalled: The wait of a run after which it is late if no run is executed.
        settles: The time after which a changed number of workers counts. A restarted worker has a new name, and its
            old one is counted until the server misses its heartbeats.
        grows: The period over which the number of due runs must have grown.
    """

    late: timedelta
    stalled: timedelta = timedelta(minutes=5)
    settles: timedelta = timedelta(seconds=130)
    grows: timedelta = timedelta(minutes=30)
    _usual_workers: int = 0
    _workers: tuple[int, datetime] | None = None
    _counts: deque[tuple[datetime, int]] = field(default_factory=deque)
    _is_reported: bool = False

    def check(self, backlog: Backlog, now: datetime) -> str | None:
        """Return a description of the condition when it begins; None if there is none, or it was reported."""
        problems = [
            problem
            for problem in (self._lost_workers(backlog, now), self._waiting(backlog), self._growth(backlog, now))
            if problem
        ]
        if not problems:
            self._is_reported = False
            return None
        if self._is_reported:
            return None
        self._is_reported = True
        return "; ".join(problems)

    def _lost_workers(self, backlog: Backlog, now: datetime) -> str | None:
        if self._workers is None or self._workers[0] != backlog.workers:
            self._workers = backlog.workers, now
        count, since = self._workers
        if now - since < self.settles:
            return None
        usual = self._usual_workers
        # Without a worker the condition lasts. A smaller number is reported once, and is the usual one from then on.
        self._usual_workers = max(count, min(usual, 1))
        return f"{count} of {usual} workers report to the server" if count < usual else None

    def _waiting(self, backlog: Backlog) -> str | None:
        limit = self.late if backlog.in_progress else self.stalled
        if not backlog.due or backlog.oldest < limit:
            return None
        state = f"{backlog.in_progress} are executed" if backlog.in_progress else "none is executed"
        return f"{_runs(backlog.due)} due, the first for {_minutes(backlog.oldest)}, and {state}"

    def _growth(self, backlog: Backlog, now: datetime) -> str | None:
        counts = self._counts
        counts.append((now, backlog.due))
        while len(counts) > 1 and now - counts[1][0] >= self.grows:
            counts.popleft()
        (first_at, first), *_ = counts
        if now - first_at < self.grows or backlog.due < _MANY or backlog.due <= first:
            return None
        return f"the queue has grown from {first} to {_runs(backlog.due)} due in {_minutes(now - first_at)}"


@dataclass
class QueueWatch:
    """Watches the number of messages that wait in the queue of uploads. The listener leaves none there for long."""

    longest: timedelta = timedelta(minutes=10)
    _since: datetime | None = None
    _is_reported: bool = False

    def check(self, waiting: int, now: datetime) -> str | None:
        """Return a description when the condition begins: there have always been messages for the longest time."""
        if waiting == 0:
            self._since, self._is_reported = None, False
            return None
        if self._since is None:
            self._since = now
        if self._is_reported or now - self._since < self.longest:
            return None
        self._is_reported = True
        count = "1 message waits" if waiting == 1 else f"{waiting:,} messages wait"
        return f"{count}, and the queue has not been empty for {_minutes(now - self._since)}"


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count:,} runs are"


def _minutes(period: timedelta) -> str:
    return f"{period.total_seconds() / 60:.0f} min"
