"""The measurement of one fault: what was lost, duplicated or stuck, and which alerts arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.docker.chaos.alerts import Inbox
from tests.docker.chaos.system import ChaosStack, Work, unique
from tests.docker.chaos.verdict import STUCK_SECONDS, Table, Verdict
from tests.docker.chaos.watch import Watch

__all__ = ["Chaos", "Measurement", "batches"]

_ALERT_SECONDS = 240  # an expected alert that has not arrived by then is missing
_QUIET_SECONDS = 20  # without another alert, after the expected ones


@dataclass
class Measurement:
    """One fault in progress. A test injects it, and then lets the work that was exposed to it be judged."""

    stack: ChaosStack
    verdict: Verdict
    watch: Watch

    def fault(self) -> None:
        """Record that a fault is injected now."""
        self.verdict.faults += 1
        self.watch.stalls.fault()

    def over(self) -> None:
        """Record that the fault is over: from now on, runs must make progress."""
        self.watch.stalls.fault_over()

    @contextmanager
    def outage(self, *services: str, seconds: float = 35) -> Iterator[None]:
        """Kill services, and start them again after ``seconds``; this is one fault."""
        self.fault()
        with self.stack.outage(*services, seconds=seconds):
            yield
        self.over()

    def expect(self, alerts: int) -> None:
        """Expect further alerts on every channel."""
        self.verdict.expected += alerts

    def await_end(self, runs: Sequence[str], seconds: float = 400) -> dict[str, dict[str, Any]]:
        """Wait until all runs have ended; those that have not are stuck. Return the states."""
        deadline = time.monotonic() + seconds
        while (waiting := self.stack.in_progress(runs)) and time.monotonic() < deadline:
            time.sleep(2)
        states = self.stack.states(runs)
        self.verdict.stuck += [f"run {run} is {states[run]['name']} after {seconds:.0f} s" for run in waiting]
        return states

    def judge_works(self, works: Sequence[Work], seconds: float = 400) -> None:
        """Wait for the ends of the runs, and judge each: completed, with one result."""
        states = self.await_end([work.run for work in works], seconds)
        self.verdict.attempts += len(works)
        for work in works:
            traces, state = self.stack.traces(work.key), states.get(work.run, {"type": "", "name": "missing"})
            if not traces.is_done:
                self.verdict.lost.append(f"{work.key} has no result")
            if state["type"] != "COMPLETED":
                self.verdict.lost.append(f"run {work.run} is {state['name']}: {state.get('message')}")
            if traces.repeats:
                self.verdict.duplicated.append(f"{work.key} was done {traces.repeats + 1} times")
            if traces.overlap:
                self.verdict.duplicated.append(f"{work.key} was executed twice at the same time")

    def judge_cancelled(self, works: Sequence[Work], seconds: float = 200) -> None:
        """Wait for the ends of the cancelled runs, and judge each: cancelled, without a result and a container."""
        runs = [work.run for work in works]
        self.await_end(runs, seconds)
        self.verdict.attempts += len(works)
        self.judge_states(runs, "CANCELLED")
        self.verdict.lost += [
            f"the cancellation of {work.key}" for work in works if self.stack.traces(work.key).is_done
        ]

    def judge_starts(self, versions: Mapping[str, str]) -> None:
        """Judge uploads (keys with ETags): exactly one run each."""
        self.verdict.attempts += len(versions)
        for key, runs in self.stack.upload_runs(versions).items():
            if not runs:
                self.verdict.lost.append(f"{key} has no run")
            if len(runs) > 1:
                self.verdict.duplicated.append(f"{key} has {len(runs)} runs")

    def judge_states(self, runs: Sequence[str], kind: str) -> None:
        """Judge runs that have ended: all in a state of this type, without a container."""
        states = self.stack.states(runs)
        for run in runs:
            name = states[run]["name"] if run in states else "missing"
            if run not in states or states[run]["type"] != kind:
                self.verdict.lost.append(f"run {run} is {name}, not {kind}")
        deadline = time.monotonic() + STUCK_SECONDS  # A process ends a few seconds after its run.
        while (going := [run for run in runs if self.stack.containers_of(run)]) and time.monotonic() < deadline:
            time.sleep(1)
        self.verdict.stuck += [f"the container of run {run} continues" for run in going]

    def judge_sessions(self, patients: Sequence[str]) -> None:
        """Judge one processed video per patient: one session, and one complete annotated copy."""
        self.verdict.attempts += len(patients)
        for patient in patients:
            records = self.stack.list_keys("patients", f"{patient}/")
            copies = self.stack.list_keys("videos", f"annotated/{patient}/")
            counts = sum(key.endswith("_session.json") for key in records), sum(key.endswith(".mp4") for key in copies)
            if counts != (1, 1):
                violations = self.verdict.lost if 0 in counts else self.verdict.duplicated
                violations.append(f"{patient} has {counts[0]} sessions and {counts[1]} annotated copies")


class Chaos:
    """Measures faults of the system, one after another, and collects the verdicts."""

    def __init__(self, stack: ChaosStack, *, is_short: bool) -> None:
        self.stack = stack
        self.is_short = is_short
        self.table = Table()
        self._counted = 0  # messages that belong to a verdict, or are stray
        self._stray: list[str] = []

    @contextmanager
    def measure(self, fault: str, order: int, *, held: bool = False) -> Iterator[Measurement]:
        """Measure one fault inside the context, store the verdict, and fail for violations.

        Args:
            fault: The name of the fault in the table.
            order: Its place in the table.
            held: Whether runs of uploads do not start, because only their existence is counted.
        """
        self.stack.heal()
        inbox, verdict = self.stack.inbox, Verdict(fault, order=order)
        self._collect_stray(f"before {fault!r}")
        watch = Watch(self.stack, held=held)
        measurement = Measurement(self.stack, verdict, watch)
        try:
            with watch:
                yield measurement
                self._await_alerts(inbox, verdict.expected)
        except BaseException as error:
            verdict.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            stalls = watch.stalls.longest.items()
            verdict.stuck += [
                f"run {run} stood still for {stall:.0f} s" for run, stall in stalls if stall > STUCK_SECONDS
            ]
            messages = inbox.since(self._counted)
            self._counted += len(messages)
            verdict.alerts = Inbox.counts(messages)
            verdict.titles = [f"{message.channel}: {message.title}" for message in messages]
            self.table.add(verdict)
        violations = verdict.violations()
        assert not violations, "\n".join([fault, *violations])

    def works(self, flow: str, count: int, **parameters: Any) -> list[Work]:
        """Start runs of a flow, each for a new piece of work."""
        return self.stack.start_runs(flow, [unique(flow) for _ in range(count)], **parameters)

    def stray_alerts(self) -> list[str]:
        """Return the titles of the alerts that arrived between two measurements."""
        self._collect_stray("at the end")
        return self._stray

    def _collect_stray(self, when: str) -> None:
        messages = self.stack.inbox.since(self._counted)
        self._counted += len(messages)
        self._stray += [f"{when}, {message.channel}: {message.title}" for message in messages]

    def _await_alerts(self, inbox: Inbox, expected: int) -> None:
        deadline = time.monotonic() + _ALERT_SECONDS
        while min(Inbox.counts(inbox.since(self._counted)).values()) < expected and time.monotonic() < deadline:
            time.sleep(1)
        count = len(inbox.messages)
        until = time.monotonic() + _QUIET_SECONDS
        while time.monotonic() < until:
            time.sleep(1)
            if len(inbox.messages) > count:
                count, until = len(inbox.messages), time.monotonic() + _QUIET_SECONDS


def batches(count: int, size: int) -> Iterable[int]:
    """Yield the sizes of the batches that make up ``count``."""
    while count > 0:
        yield min(size, count)
        count -= size
