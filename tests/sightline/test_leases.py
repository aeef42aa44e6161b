"""One process at a time has a lease, and the lease of a killed process expires."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.leases import HeldLease, LeaseLost, Leases, LeaseTaken
from sightline.storage import Location
from tests.clocks import START, Clock

MINUTES = timedelta(minutes=1)

HOLDING = """
import sys, time
from datetime import UTC, datetime, timedelta
from sightline.leases import Leases, LeaseTaken
from sightline.storage import locate
uri, name = sys.argv[1:]
leases = Leases(locate(uri), timedelta(minutes=5), lambda: datetime.now(UTC))
print("ready", flush=True)
sys.stdin.readline()
try:
    with leases.hold("sweep", name):
        print("held", flush=True)
        sys.stdin.readline()
except LeaseTaken as taken:
    print("taken", taken.holder, flush=True)
"""


@pytest.fixture
def leases(bucket: Location, clock: Clock) -> Leases:
    return Leases(bucket / "leases", 5 * MINUTES, clock)


@pytest.fixture
def quick(bucket: Location, clock: Clock) -> Leases:
    """Leases that are renewed every twentieth of a second, with a clock that only the test moves."""
    return Leases(bucket / "leases", timedelta(seconds=0.3), clock)


def start(uri: Location, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDING, storage.uri_of(uri), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert next_line(process) == "ready"
    return process


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def await_condition(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def failing(failures: list[str]) -> Callable[..., bool]:
    """Return a swap that fails as in an outage, and counts its calls."""

    def fail(*_: object) -> bool:
        failures.append("failed")
        raise StorageError("connection refused")

    return fail


class Reading:
    """A clock that is ahead of another one by these durations, one for each reading, then by the last."""

    def __init__(self, clock: Clock, ahead: list[timedelta]) -> None:
        self._clock = clock
        self._ahead = ahead

    def __call__(self) -> datetime:
        return self._clock() + (self._ahead.pop(0) if len(self._ahead) > 1 else self._ahead[0])


def concurrent_takes(leases: Leases, count: int) -> int:
    """Return how many of ``count`` concurrent threads get the lease."""
    barrier = threading.Barrier(count)

    def take(_: int) -> object:
        barrier.wait()
        return leases.take("sweep")

    with ThreadPoolExecutor(count) as pool:
        return sum(lease is not None for lease in pool.map(take, range(count)))


class TestTaking:
    def test_one_of_many_concurrent_threads_takes_a_free_lease(self, leases: Leases) -> None:
        assert concurrent_takes(leases, 8) == 1

    def test_one_of_many_concurrent_threads_takes_an_expired_lease(self, leases: Leases, clock: Clock) -> None:
        assert leases.take("sweep")
        clock.time += 5 * MINUTES
        assert concurrent_takes(leases, 8) == 1

    def test_leases_of_different_names_are_independent(self, leases: Leases) -> None:
        assert leases.take("sweep")
        assert leases.take("sweep-1")
        assert leases.take("sweep") is None

    def test_released_lease_can_be_taken_with_a_slow_clock(self, leases: Leases, bucket: Location) -> None:
        first = leases.take("sweep")
        assert first
        leases.release(first)
        second = Leases(bucket / "leases", 5 * MINUTES, Clock(-MINUTES)).take("sweep")
        assert second
        assert second.attempt == 2

    def test_releasing_an_expired_lease_does_not_release_its_successor(self, leases: Leases, clock: Clock) -> None:
        first = leases.take("sweep")
        assert first
        clock.time += 5 * MINUTES
        assert leases.take("sweep")
        leases.release(first)
        assert leases.take("sweep") is None
        assert len(storage.file_names(leases.folder)) == 1

    def test_lease_taken_during_an_outage_is_valid(
        self, leases: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create = storage.create

        def outage(*arguments: Any) -> bool:
            clock.time += 15 * MINUTES
            return create(*arguments)

        monkeypatch.setattr(storage, "create", outage)
        lease = leases.take("sweep")
        assert lease
        assert lease.until == clock.time + 5 * MINUTES
        assert leases.take("sweep") is None

    def test_damaged_lease_can_be_taken(self, leases: Leases) -> None:
        storage.write_bytes(leases.folder / "sweep-000001.json", b'{"own')
        assert leases.take("sweep")


class TestRenewing:
    def test_renewed_lease_lasts_for_another_duration(self, leases: Leases, clock: Clock) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 4 * MINUTES
        renewed = leases.renew(lease)
        assert renewed
        assert renewed.until == clock.time + 5 * MINUTES
        clock.time += 4 * MINUTES
        assert leases.take("sweep") is None
        clock.time += MINUTES
        assert leases.take("sweep")

    def test_expired_lease_that_no_process_took_is_renewed(self, leases: Leases, clock: Clock) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 60 * MINUTES
        renewed = leases.renew(lease)
        assert renewed
        assert renewed.until == clock.time + 5 * MINUTES
        assert leases.take("sweep") is None

    def test_expired_lease_that_another_process_took_is_not_renewed(self, leases: Leases, clock: Clock) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 5 * MINUTES
        other = leases.take("sweep")
        assert other
        assert leases.renew(lease) is None
        leases.release(other)
        assert leases.renew(lease) is None

    def test_lease_dropped_and_taken_under_the_same_number_is_not_renewed(
        self, leases: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = leases.take("sweep")
        assert lease
        names = storage.file_names

        def dropped_first(folder: Location) -> list[str]:
            monkeypatch.undo()
            leases.drop("sweep")
            assert leases.take("sweep")
            return names(folder)

        monkeypatch.setattr(storage, "file_names", dropped_first)
        assert leases.renew(lease) is None

    def test_renewal_slower_than_the_duration_is_repeated(
        self, leases: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = leases.take("sweep")
        assert lease
        swap = storage.swap

        def outage(*arguments: Any) -> bool:
            monkeypatch.undo()
            clock.time += 15 * MINUTES
            return swap(*arguments)

        monkeypatch.setattr(storage, "swap", outage)
        renewed = leases.renew(lease)
        assert renewed
        assert renewed.until == clock.time + 5 * MINUTES

    def test_lease_renewed_during_a_take_is_not_taken(
        self, leases: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 3 * MINUTES
        other = Leases(leases.folder, 5 * MINUTES, Clock(6 * MINUTES))
        create = storage.create

        def renewed_first(location: Location, data: bytes) -> bool:
            assert leases.renew(lease)
            return create(location, data)

        monkeypatch.setattr(storage, "create", renewed_first)
        assert other.take("sweep") is None
        monkeypatch.undo()
        assert leases.renew(lease)

    def test_renewal_fails_if_another_process_took_the_lease(
        self, leases: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 3 * MINUTES
        other = Leases(leases.folder, 5 * MINUTES, Clock(6 * MINUTES))
        swap = storage.swap

        def taken_first(location: Location, old: bytes | None, new: bytes) -> bool:
            monkeypatch.undo()
            assert other.take("sweep")
            return swap(location, old, new)

        monkeypatch.setattr(storage, "swap", taken_first)
        assert leases.renew(lease) is None

    def test_renewal_whose_response_is_lost_succeeds(self, leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
        lease = leases.take("sweep")
        assert lease
        swap = storage.swap
        monkeypatch.setattr(storage, "swap", lambda *arguments: swap(*arguments) and False)
        assert leases.renew(lease)


class TestHolding:
    def test_held_lease_outlasts_the_duration(self, quick: Leases, clock: Clock) -> None:
        with quick.hold("sweep", "run brave-otter") as held:
            for _ in range(5):
                clock.time += timedelta(seconds=0.2)
                await_condition(lambda: held.lease.until == clock.time + quick.duration)
                assert quick.take("sweep") is None
                held.check()
        assert quick.take("sweep")

    def test_lease_taken_error_names_the_holder_and_the_time(self, leases: Leases) -> None:
        with leases.hold("sweep", "run brave-otter"), pytest.raises(LeaseTaken, match="run brave-otter") as caught:
            leases.hold("sweep", "run calm-otter").__enter__()
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.name, copy.holder, copy.since) == ("sweep", "run brave-otter", START)
        assert str(copy) == "sweep: run brave-otter has it since 2026-01-31 10:20:00 UTC. Try again later"

    def test_lease_is_released_after_an_exception(self, leases: Leases) -> None:
        with pytest.raises(ZeroDivisionError), leases.hold("sweep", "one"):
            raise ZeroDivisionError
        with leases.hold("sweep", "two") as held:
            assert held.lease.attempt == 2

    def test_suspended_holder_keeps_a_lease_that_no_process_took(self, leases: Leases, clock: Clock) -> None:
        with leases.hold("sweep", "one") as held:
            clock.time += 60 * MINUTES
            assert held.lost
            held.check()
            assert not held.lost
            with pytest.raises(LeaseTaken, match="one"):
                leases.hold("sweep", "two").__enter__()

    def test_suspended_holder_loses_a_lease_that_another_process_took(self, leases: Leases, clock: Clock) -> None:
        with leases.hold("sweep", "one") as held:
            held.check()
            clock.time += 5 * MINUTES
            with leases.hold("sweep", "two") as other:
                with pytest.raises(LeaseLost, match=r"the lease on sweep expired at 10:25:00 UTC: another process"):
                    held.check()
                held.end()
                other.check()
                assert leases.take("sweep") is None

    def test_lease_is_back_after_an_outage_of_three_durations(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with quick.hold("sweep", "one") as held:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "swap", failing(failures := []))
                await_condition(lambda: len(failures) > 1)
                clock.time += 3 * quick.duration
                with pytest.raises(LeaseLost, match="connection refused"):
                    held.check()
            await_condition(lambda: not held.lost)
            held.check()
            assert quick.take("sweep") is None

    def test_renewal_during_the_withdrawal_of_another_process_is_repeated(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other process sees that the lease was renewed, and withdraws; until then the holder cannot rely on it."""
        with quick.hold("sweep", "one") as held:
            remove, withdraw, created = storage.remove, Event(), Event()

            def waiting(location: Location) -> None:
                if location.name == "sweep-000002.json":
                    created.set()
                    assert withdraw.wait(30)
                remove(location)

            monkeypatch.setattr(storage, "remove", waiting)
            ahead = Leases(quick.folder, quick.duration, Reading(clock, [quick.duration, timedelta()]))
            with ThreadPoolExecutor(1) as pool:
                taking = pool.submit(ahead.take, "sweep")
                assert created.wait(30)
                await_condition(lambda: held.lost)
                with pytest.raises(LeaseLost, match="another process may have taken it"):
                    held.check()
                withdraw.set()
                assert taking.result() is None
            await_condition(lambda: not held.lost)

    def test_lease_survives_a_short_storage_failure(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures: list[str] = []
        with quick.hold("sweep", "one") as held:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "swap", failing(failures))
                await_condition(lambda: len(failures) > 1)
            clock.time += timedelta(seconds=0.2)
            await_condition(lambda: held.lease.until == clock.time + quick.duration)

    def test_storage_failure_is_the_reason_of_a_lost_lease(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures: list[str] = []
        monkeypatch.setattr(storage, "swap", failing(failures))

        def lost(held: HeldLease) -> None:
            await_condition(lambda: len(failures) > 1)
            clock.time += quick.duration
            with pytest.raises(LeaseLost, match="connection refused"):
                held.check()

        with quick.hold("sweep", "one") as held:
            lost(held)


@pytest.mark.integration
class TestProcesses:
    def test_one_of_two_concurrent_processes_takes_the_lease(self, bucket: Location) -> None:
        processes = [start(bucket / "leases", f"process {number}") for number in range(2)]
        for process in processes:
            go_on(process)
        results = sorted(next_line(process).split(" ")[0] for process in processes)
        for process in processes:
            process.kill()
            process.communicate()
        assert results == ["held", "taken"]

    def test_lease_of_a_killed_holder_expires(self, bucket: Location) -> None:
        process = start(bucket / "leases", "the killed one")
        go_on(process)
        assert next_line(process) == "held"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = datetime.now(UTC)
        with (
            pytest.raises(LeaseTaken, match="the killed one"),
            Leases(bucket / "leases", 5 * MINUTES, lambda: now).hold("sweep", "the next one"),
        ):
            pass
        later = now + 5 * MINUTES
        with Leases(bucket / "leases", 5 * MINUTES, lambda: later).hold("sweep", "the next one") as held:
            assert held.lease.attempt == 2
