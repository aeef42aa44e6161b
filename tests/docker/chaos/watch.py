"""How long runs make no progress, sampled from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import httpx

from tests.docker.chaos.system import ChaosStack, is_due

__all__ = ["Stalls", "Watch"]

_INTERVAL = 3.0  # seconds
_WAITING = "SCHEDULED"


class Stalls:
    """The longest time that each run made no progress after the faults were over.

    A run makes progress if its state changes or it starts a task. A run that is due and waits makes progress if any
    other run does.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._progress: dict[str, tuple[Any, float]] = {}
        self._over: float | None = None
        self.longest: dict[str, float] = {}

    def fault(self) -> None:
        """Record that a fault begins: until it is over, runs may wait."""
        self._over = None

    def fault_over(self) -> None:
        """Record that the system can work again."""
        self._over = self._now()

    def sample(self, runs: Mapping[str, tuple[str, Any]]) -> None:
        """Record the unfinished runs: the type of each state, and a value that changes with the run's progress."""
        now = self._now()
        active = tuple(sorted((run, value) for run, (kind, value) in runs.items() if kind != _WAITING))
        for run, (kind, value) in runs.items():
            token = (value, active) if kind == _WAITING else value
            last, since = self._progress.get(run, (None, now))
            if token != last:
                self._progress[run] = token, now
            elif self._over is not None:
                stall = now - max(since, self._over)
                self.longest[run] = max(stall, self.longest.get(run, 0.0))
        for ended in set(self._progress) - set(runs):
            del self._progress[ended]


class Watch:
    """Samples all runs in a thread. With ``held``, runs that wait are ignored: their queue is paused on purpose."""

    def __init__(self, stack: ChaosStack, *, held: bool = False) -> None:
        self.stalls = Stalls()
        self._stack, self._held = stack, held
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="watch", daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(_INTERVAL):
            try:
                self.stalls.sample(self._runs())
            except (httpx.HTTPError, AssertionError):
                continue  # The server is away. The time counts from the end of the fault all the same.

    def _runs(self) -> dict[str, tuple[str, Any]]:
        types = ["PENDING", "RUNNING", "CANCELLING", *([] if self._held else [_WAITING])]
        runs = self._stack.request_once(
            "POST",
            "/flow_runs/filter",
            {"flow_runs": {"state": {"type": {"any_": types}}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200},
        )
        found = {}
        for run in runs:
            kind = run["state"]["type"]
            if kind != _WAITING or is_due(run):
                found[run["id"]] = kind, (run["state"]["id"], self._tasks(run["id"]) if kind == "RUNNING" else 0)
        return found

    def _tasks(self, run: str) -> Any:
        """Return the number of tasks that the run and its subflows have started."""
        own = {"operator": "or_", "id": {"any_": [run]}, "parent_flow_run_id": {"any_": [run]}}
        return self._stack.request_once("POST", "/task_runs/count", {"flow_runs": own})

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(60)
