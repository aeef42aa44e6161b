"""What only one at a time should do is done by one at a time, and a killed one keeps nobody from it for long."""

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

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.leases import Held, LeaseLost, Leases, LeaseTaken
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
    """Leases that are renewed every twentieth of a second, by a clock that stands still unless it is moved."""
    return Leases(bucket / "leases", timedelta(seconds=0.3), clock)


def start(uri: Location, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDING, storage.uri_of(uri), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert says(process) == "ready"
    return process


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def taken_at_once(leases: Leases, count: int) -> int:
    """How many of so many who try it at one moment get the lease."""
    together = threading.Barrier(count)

    def take(_: int) -> object:
        together.wait()
        return leases.take("sweep")

    with ThreadPoolExecutor(count) as pool:
        return sum(lease is not None for lease in pool.map(take, range(count)))


class TestTaking:
    def test_one_of_many_at_once_gets_it(self, leases: Leases) -> None:
        assert taken_at_once(leases, 8) == 1

    def test_one_of_many_at_once_gets_one_that_has_run_out(self, leases: Leases, clock: Clock) -> None:
        assert leases.take("sweep")
        clock.time += 5 * MINUTES
        assert taken_at_once(leases, 8) == 1

    def test_names_are_taken_each_for_itself(self, leases: Leases) -> None:
        assert leases.take("sweep")
        assert leases.take("sweep-1")
        assert leases.take("sweep") is None

    def test_what_is_released_is_there_for_the_next_even_if_its_clock_is_behind(
        self, leases: Leases, bucket: Location
    ) -> None:
        first = leases.take("sweep")
        assert first
        leases.release(first)
        second = Leases(bucket / "leases", 5 * MINUTES, Clock(-MINUTES)).take("sweep")
        assert second
        assert second.attempt == 2

    def test_releasing_what_another_has_since_taken_leaves_it_to_the_other(self, leases: Leases, clock: Clock) -> None:
        first = leases.take("sweep")
        assert first
        clock.time += 5 * MINUTES
        assert leases.take("sweep")
        leases.release(first)
        assert leases.take("sweep") is None
        assert len(storage.file_names(leases.folder)) == 1

    def test_a_damaged_lease_keeps_nobody_out(self, leases: Leases) -> None:
        storage.write_bytes(leases.folder / "sweep-000001.json", b'{"own')
        assert leases.take("sweep")


class TestRenewing:
    def test_a_renewed_lease_lasts_for_the_duration_again(self, leases: Leases, clock: Clock) -> None:
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

    def test_what_has_run_out_is_not_renewed_even_if_nobody_has_it(self, leases: Leases, clock: Clock) -> None:
        lease = leases.take("sweep")
        assert lease
        clock.time += 5 * MINUTES
        assert leases.renew(lease) is None

    def test_who_saw_it_run_out_does_not_get_it_if_it_is_renewed_before_he_has_it(
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

    def test_who_renews_too_late_learns_that_another_has_it(
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

    def test_a_renewal_whose_answer_is_lost_is_still_one(self, leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
        lease = leases.take("sweep")
        assert lease
        swap = storage.swap
        monkeypatch.setattr(storage, "swap", lambda *arguments: swap(*arguments) and False)
        assert leases.renew(lease)


class TestHolding:
    def test_who_holds_it_keeps_it_past_the_duration(self, quick: Leases, clock: Clock) -> None:
        with quick.hold("sweep", "run brave-otter") as held:
            for _ in range(5):
                clock.time += timedelta(seconds=0.2)
                until(lambda: held.lease.until == clock.time + quick.duration)
                assert quick.take("sweep") is None
                held.check()
        assert quick.take("sweep")

    def test_the_others_learn_who_has_it_since_when(self, leases: Leases) -> None:
        with leases.hold("sweep", "run brave-otter"), pytest.raises(LeaseTaken, match="run brave-otter") as caught:
            leases.hold("sweep", "run calm-otter").__enter__()
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.name, copy.holder, copy.since) == ("sweep", "run brave-otter", START)
        assert str(copy) == "sweep: run brave-otter has it since 2026-01-31 10:20:00 UTC. Try again later"

    def test_it_is_there_for_the_next_after_a_block_that_raised(self, leases: Leases) -> None:
        with pytest.raises(ZeroDivisionError), leases.hold("sweep", "one"):
            raise ZeroDivisionError
        with leases.hold("sweep", "two") as held:
            assert held.lease.attempt == 2

    def test_who_stood_still_for_the_duration_learns_that_it_is_lost(self, leases: Leases, clock: Clock) -> None:
        with leases.hold("sweep", "one") as held:
            held.check()
            clock.time += 5 * MINUTES
            assert held.lost
            with pytest.raises(LeaseLost, match=r"the lease on sweep ran out at 10:25:00 UTC"):
                held.check()
            with leases.hold("sweep", "two") as other:
                held.end()
                other.check()
                assert leases.take("sweep") is None

    def test_a_storage_that_fails_for_a_moment_loses_nothing(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures: list[str] = []

        def fail(*_: object) -> bool:
            failures.append("failed")
            raise StorageError("nobody there")

        with quick.hold("sweep", "one") as held:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "swap", fail)
                until(lambda: len(failures) > 1)
            clock.time += timedelta(seconds=0.2)
            until(lambda: held.lease.until == clock.time + quick.duration)

    def test_a_storage_that_fails_for_the_duration_is_named_as_the_reason(
        self, quick: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures: list[str] = []

        def fail(*_: object) -> bool:
            failures.append("failed")
            raise StorageError("nobody there")

        monkeypatch.setattr(storage, "swap", fail)

        def lost(held: Held) -> None:
            until(lambda: len(failures) > 1)
            clock.time += quick.duration
            with pytest.raises(LeaseLost, match="nobody there"):
                held.check()

        with quick.hold("sweep", "one") as held:
            lost(held)


@pytest.mark.integration
class TestProcesses:
    def test_of_two_at_once_one_has_it(self, bucket: Location) -> None:
        processes = [start(bucket / "leases", f"process {number}") for number in range(2)]
        for process in processes:
            tell(process)
        answers = sorted(says(process).split(" ")[0] for process in processes)
        for process in processes:
            process.kill()
            process.communicate()
        assert answers == ["held", "taken"]

    def test_the_lease_of_a_killed_holder_runs_out(self, bucket: Location) -> None:
        process = start(bucket / "leases", "the killed one")
        tell(process)
        assert says(process) == "held"
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
