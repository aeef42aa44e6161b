"""At most one process has a lease at any time, in every order of the processes' requests to the storage."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import storage
from sightline.leases import Lease, Leases
from tests.clocks import Clock

DURATION = timedelta(minutes=5)
NAME = "sweep"


class Killed(BaseException):
    """Ends the thread of a process."""


class Process:
    """A process that takes a lease, renews it, and sometimes releases it; it stops before every request."""

    def __init__(self, leases: Leases, orders: Iterator[str]) -> None:
        self.lease: Lease | None = None
        self._leases = leases
        self._orders = orders
        self._may_go, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = False
        self.alive = True
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._waits.acquire()

    def has_lease(self) -> bool:
        """Return whether ``check`` would pass."""
        return self.alive and self.lease is not None and self._leases.now() < self.lease.until

    def step(self) -> None:
        """Let the process send its next request."""
        self._may_go.release()
        self._waits.acquire()

    def kill(self) -> None:
        self._killed = True
        self.step()

    def pause(self) -> None:
        if threading.current_thread() is self._thread:
            self._waits.release()
            self._may_go.acquire()
            if self._killed:
                raise Killed

    def _run(self) -> None:
        known: Lease | None = None
        try:
            for order in self._orders:
                self.pause()
                if known is None:
                    known = self.lease = self._leases.take(NAME)
                elif order == "release":
                    self.lease = None
                    self._leases.release(known)
                    known = None
                else:
                    # As HeldLease does: a failed renewal is repeated, but until then the lease is lost.
                    self.lease = self._leases.renew(known)
                    known = self.lease or (None if order == "give up" else known)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.alive = False
            self._waits.release()


class Memory:
    """A strongly consistent storage in memory, whose requests are the steps of the processes."""

    def __init__(self) -> None:
        self.files: dict[PurePath, bytes] = {}
        self.processes: list[Process] = []

    def create(self, path: Path, data: bytes) -> bool:
        return self.files.setdefault(path, data) is data

    def swap(self, path: Path, old: bytes | None, new: bytes) -> bool:
        if self.files.get(path) != old:
            return False
        self.files[path] = new
        return True

    def remove(self, path: Path) -> None:
        self.files.pop(path, None)

    def read_bytes(self, path: Path) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def file_names(self, _: Path) -> list[str]:
        return sorted(path.name for path in self.files)

    @contextmanager
    def patched(self) -> Iterator[None]:
        def stepwise(function: Callable[..., Any]) -> Callable[..., Any]:
            def request(*arguments: Any) -> Any:
                for process in self.processes:
                    process.pause()
                return function(*arguments)

            return request

        with pytest.MonkeyPatch.context() as patch:
            for name in ("create", "swap", "remove", "read_bytes", "file_names"):
                patch.setattr(storage, name, stepwise(getattr(self, name)))
            yield


def run(schedule: list[tuple[str, int]], orders: list[list[str]]) -> int:
    """Run the processes in the order of the schedule; return how often a process got the lease."""
    memory, clock, count = Memory(), Clock(), 0
    with memory.patched():
        memory.processes = [Process(Leases(Path("leases"), DURATION, clock), iter(order)) for order in orders]
        for process in memory.processes:
            process.start()
        try:
            for action, number in schedule:
                process = memory.processes[number % len(memory.processes)]
                before = process.has_lease()
                if action == "clock":
                    clock.time += DURATION * (number % 7) / 4
                elif process.alive:
                    process.kill() if action == "kill" else process.step()
                holders = [process for process in memory.processes if process.has_lease()]
                assert len(holders) <= 1
                count += process.has_lease() and not before
                assert process.error is None
        finally:
            for process in memory.processes:
                if process.alive:
                    process.kill()
    return count


ORDERS = st.lists(st.sampled_from(["renew", "renew", "renew", "release", "give up"]), min_size=8, max_size=8)
STEPS = st.tuples(st.sampled_from(["step"] * 12 + ["clock"] * 2 + ["kill"]), st.integers(0, 27))


@settings(max_examples=1500)
@given(schedule=st.lists(STEPS, max_size=90), orders=st.lists(ORDERS, min_size=2, max_size=4))
def test_at_most_one_process_has_the_lease(schedule: list[tuple[str, int]], orders: list[list[str]]) -> None:
    run(schedule, orders)


def steps(number: int, count: int) -> list[tuple[str, int]]:
    return [("step", number)] * count


EXPIRE, WITHIN = ("clock", 4), ("clock", 2)  # a whole and half a duration


@pytest.mark.parametrize("renewal_steps", range(1, 9))
@pytest.mark.parametrize("take_steps", range(1, 9))
@pytest.mark.parametrize("expired", [True, False])
def test_renewal_and_take_at_the_same_time(renewal_steps: int, take_steps: int, expired: bool) -> None:
    """The holder stops anywhere in its renewal, the other process anywhere in its take, then both go on."""
    schedule = steps(0, 6) + ([EXPIRE] if expired else [WITHIN])
    schedule += steps(1, take_steps) + steps(0, renewal_steps) + steps(1, 9) + steps(0, 9)
    run(schedule, [["renew"] * 5, ["renew"] * 5])


@pytest.mark.parametrize("listed", range(1, 5))
@pytest.mark.parametrize("killed_after", range(1, 9))
@pytest.mark.parametrize("renewal_steps", range(1, 9))
def test_renewal_after_another_process_was_killed_in_its_take(
    listed: int, killed_after: int, renewal_steps: int
) -> None:
    """The killed process has a file of a later attempt; a third process must also respect the renewal before it."""
    schedule = [*steps(0, 6), EXPIRE, *steps(1, listed), WITHIN, *steps(0, renewal_steps), *steps(1, killed_after)]
    schedule += [("kill", 1), WITHIN, ("clock", 1), *steps(2, 12), *steps(0, 5)]
    run(schedule, [["renew"] * 5] * 3)


@pytest.mark.parametrize("listed", range(1, 5))
def test_file_of_a_removed_attempt_is_not_a_lease(listed: int) -> None:
    """A process lists the files, two others take and release the lease meanwhile, and it creates the first one's."""
    schedule = [*steps(0, listed), *steps(1, 12), *steps(2, 12), *steps(0, 9), *steps(2, 5)]
    run(schedule, [["renew"] * 5, ["renew", "release"], ["renew"] * 5])


def test_the_lease_is_taken_and_renewed_in_these_tests() -> None:
    schedule = [*steps(0, 8), EXPIRE, *steps(0, 8)]
    assert run(schedule, [["renew"] * 5, ["renew"] * 5]) == 2
