"""The flows. They are made like the real ones, so hooks, alerts, timeouts and policies are those of the project."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from chaos.traces import AGAIN, EFFECT, FIXED, FOLDER, START, STEP
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run

from sightline import storage
from sightline.clock import now_in_utc
from sightline.leases import HeldLease, Leases, LeaseTaken
from sightline.settings import settings
from sightline.storage import Location
from tasks.support.flow import sightline_flow, skipped
from tasks.support.policy import ON_STORAGE, sightline_task

Memory = Literal["enough", "exceeded"]

_LEASE = timedelta(seconds=15)
_STEP_SECONDS = 2.0
_MOST_STEPS = 120
_BLOCK = 16 << 20  # bytes


@dataclass(frozen=True)
class Execution:
    """One execution of a piece of work, and the folder of its traces."""

    key: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def folder(self) -> Location:
        """The folder of the traces."""
        return settings().results / FOLDER / self.key

    def trace(self, kind: str) -> None:
        """Write a trace of this execution."""
        storage.write_bytes(self.folder / f"{kind}-{time.time_ns()}-{self.id}", b"")

    def is_fixed(self) -> bool:
        """Return whether the cause of a failure has been removed."""
        return storage.exists(self.folder / FIXED)

    def is_done(self) -> bool:
        """Return whether an execution has made the result."""
        return storage.exists(self.folder / EFFECT)

    def finish(self) -> None:
        """Make the result. If there is one already, leave a trace of that."""
        effect = self.folder / EFFECT
        # A create whose response was lost finds its own file.
        if not storage.create(effect, self.id.encode()) and storage.read_bytes(effect) != self.id.encode():
            storage.write_bytes(self.folder / f"{AGAIN}-{self.id}", b"")

    @contextmanager
    def lease(self) -> Iterator[HeldLease]:
        """Hold the lease on the work, as an upload's run does: a retried run waits until its earlier lease expires."""
        leases, holder = Leases(settings().results / FOLDER / ".leases", _LEASE, now_in_utc), str(flow_run.id)
        deadline = time.monotonic() + 4 * _LEASE.total_seconds()
        with ExitStack() as stack:
            while True:
                try:
                    held = stack.enter_context(leases.hold(self.key, holder))
                    break
                except LeaseTaken as taken:
                    if taken.holder not in (holder, None) or time.monotonic() > deadline:
                        raise
                    time.sleep(1)
            yield held


@sightline_task(**ON_STORAGE)
def work_step(execution: Execution, seconds: float) -> None:
    """Work for some time."""
    time.sleep(seconds)
    execution.trace(STEP)


@sightline_flow(name="chaos-work", flow_run_name="work on {key}")
def chaos_work(key: str, seconds: float = 20, memory: Memory = "enough") -> str:
    """Work in steps, and make a result once.

    Args:
        key: The name of the work.
        seconds: The duration.
        memory: Exceed the container's memory limit in every execution, until that is fixed.
    """
    execution = Execution(key)
    execution.trace(START)
    if execution.is_done():
        return skipped(f"{key} is done", key)
    if memory == "exceeded" and not execution.is_fixed():
        _exceed_memory()
    steps = max(1, min(_MOST_STEPS, math.ceil(seconds / _STEP_SECONDS)))
    with execution.lease() as held:
        for _ in range(steps):
            work_step(execution, seconds / steps)
        held.check()
        execution.finish()
    return key


@sightline_flow(name="chaos-hang", flow_run_name="hang in {key}", timeout="training_timeout_seconds")
def chaos_hang(key: str) -> str:
    """Hang until the timeout ends the run.

    Args:
        key: The name of the work.
    """
    Execution(key).trace(START)
    while True:
        time.sleep(60)


class Answer(RunInput):
    """A person's answer."""

    answer: str


@sightline_flow(name="chaos-review", flow_run_name="review {key}")
def chaos_review(key: str) -> str:
    """Suspend the run until a person answers, as a review does, and make a result once.

    Args:
        key: The name of the work.
    """
    execution = Execution(key)
    execution.trace(START)
    answer = suspend_flow_run(wait_for_input=Answer, timeout=24 * 3600, key="page-1")
    execution.finish()
    return answer.answer


def _exceed_memory() -> None:
    blocks = []
    while True:
        blocks.append(b"x" * _BLOCK)
