"""One training per patient at a time; every training that ended is in the history."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cloudpathlib import S3Path

from sightline import storage
from sightline.affect import Training, read_trainings
from sightline.affect.history import last_training
from sightline.errors import StorageError
from sightline.leases import LeaseLost
from sightline.registry import Registry
from sightline.storage import Location
from sightline.training.emotions import TrainingInProgress, TrainingLease, training_lease
from tests.clocks import START, Clock

HOUR = timedelta(hours=1)
BURST = 50

STARTING = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from sightline.storage import locate
from sightline.training.emotions import TrainingInProgress, training_lease

folder, processes, events, seconds = locate(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def one(event):
    try:
        with training_lease(folder, f"event {event}") as lease:
            if lease.last_ended and datetime.now(UTC) - lease.last_ended < timedelta(hours=1):
                return "cooling down"
            lease.begin(["clip"])
            print("begun", flush=True)
            time.sleep(seconds)
            lease.finish(promoted=True, version=1, accuracy=0.5, interval=(0.25, 0.75), verdict="no better than chance")
            return "trained"
    except TrainingInProgress:
        return "in progress"

if len(sys.argv) > 5:
    _ = folder.client  # created once, before the fork
waiting, go = os.pipe()
children = []
for _ in range(processes):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(waiting, 1)
        with ThreadPoolExecutor(events) as pool:
            print("\\n".join(pool.map(one, range(events))), flush=True)
        os._exit(0)
    children.append(child)
os.close(go)  # starts all children at the same moment
for child in children:
    os.waitpid(child, 0)
if not children:
    one(0)
"""


@pytest.fixture
def folder(bucket: Location) -> Location:
    return bucket / "ana"


def finish(lease: TrainingLease, *, version: int = 1, promoted: bool = True) -> Training:
    return lease.finish(
        promoted=promoted, version=version, accuracy=0.625, interval=(0.5, 0.75), verdict="better than chance"
    )


def train(folder: Location, clock: Clock, started_by: str = "a test", version: int = 1) -> Training:
    with training_lease(folder, started_by, now=clock) as lease:
        lease.begin(["clip", "walk"])
        clock.time += timedelta(minutes=2)
        return finish(lease, version=version)


def fail(folder: Location, clock: Clock, error: BaseException) -> None:
    with training_lease(folder, "one", now=clock) as lease:
        lease.begin(["clip"])
        raise error


def start(folder: Location, *, processes: int = 1, events: int = 1, seconds: float) -> subprocess.Popen[str]:
    """Start processes that begin a training for every event at the same moment."""
    arguments = [storage.uri_of(folder), processes, events, seconds, *(["s3"] if isinstance(folder, S3Path) else [])]
    command = [sys.executable, "-c", STARTING, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class TestHistory:
    def test_untrained_model_has_no_history(self, folder: Location) -> None:
        assert read_trainings(folder) == []
        assert last_training(folder) is None

    def test_trainings_are_stored_in_order(self, folder: Location, clock: Clock) -> None:
        trainings = []
        for number in range(1, 4):
            clock.time += HOUR
            trainings.append(train(folder, clock, f"run {number}", version=number))
        assert read_trainings(folder) == trainings
        assert last_training(folder) == trainings[-1]
        first = trainings[0]
        assert (first.started, first.ended) == (START + HOUR, START + HOUR + timedelta(minutes=2))
        assert (first.outcome, first.version, first.accuracy, first.interval) == ("promoted", 1, 0.625, (0.5, 0.75))
        assert (first.started_by, first.sessions, first.verdict) == ("run 1", ("clip", "walk"), "better than chance")
        assert first.code_version
        assert first.error is None

    def test_unpromoted_version_is_stored_as_not_promoted(self, folder: Location, clock: Clock) -> None:
        with training_lease(folder, "a test", now=clock) as lease:
            lease.begin([])
            finish(lease, version=2, promoted=False)
        assert [(training.outcome, training.version) for training in read_trainings(folder)] == [("not promoted", 2)]

    def test_trainings_ending_at_the_same_time_are_both_stored(self, folder: Location, clock: Clock) -> None:
        for _ in range(5):
            with training_lease(folder, "a test", now=clock) as lease:
                lease.begin([])
                finish(lease)
        assert len(read_trainings(folder)) == 5

    def test_damaged_training_raises_an_error_with_its_file(self, folder: Location, clock: Clock) -> None:
        train(folder, clock)
        storage.write_bytes(folder / "trainings" / "20270101T000000.000000Z-00000000.json", b'{"started')
        with pytest.raises(StorageError, match=r"00000000\.json: is damaged"):
            last_training(folder)
        with pytest.raises(StorageError, match=r"00000000\.json: is damaged"):
            read_trainings(folder)

    def test_registry_ignores_the_training_history(self, bucket: Location, clock: Clock, tmp_path: Path) -> None:
        train(bucket / "ana", clock)
        registry = Registry(bucket, cache=tmp_path / "cache", builtin=tmp_path / "nothing")
        assert registry.versions("ana") == []
        assert registry.names() == []
        assert registry.current("ana") is None


class TestLease:
    def test_second_training_is_rejected_with_the_holder(self, folder: Location, clock: Clock) -> None:
        with training_lease(folder, "run brave-otter", now=clock):
            clock.time += timedelta(minutes=1)
            with pytest.raises(TrainingInProgress) as caught, training_lease(folder, "run calm-otter", now=clock):
                pass
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.model, copy.started_by, copy.since) == ("ana", "run brave-otter", START)
        assert "ana: a training is in progress, started by run brave-otter, since 2026-01-31 10:20:00 UTC" in str(copy)

    def test_trainings_of_two_patients_are_independent(self, bucket: Location, clock: Clock) -> None:
        with training_lease(bucket / "ana", "one", now=clock), training_lease(bucket / "ben", "two", now=clock):
            pass

    def test_next_training_sees_the_previous_one(self, folder: Location, clock: Clock) -> None:
        with training_lease(folder, "one", now=clock) as lease:
            assert lease.last_ended is None
        training = train(folder, clock)
        with training_lease(folder, "two", now=clock) as lease:
            assert lease.last == training
            assert lease.last_ended == training.ended

    def test_lease_without_a_training_adds_no_history(self, folder: Location, clock: Clock) -> None:
        with training_lease(folder, "gate closed", now=clock):
            pass
        with pytest.raises(StorageError), training_lease(folder, "records damaged", now=clock):
            raise StorageError("damaged")
        assert read_trainings(folder) == []

    def test_failed_training_is_stored_and_releases_the_lease(self, folder: Location, clock: Clock) -> None:
        error = ValueError("n_splits=5 cannot be greater than the number of members in each class")
        with pytest.raises(ValueError, match="n_splits"):
            fail(folder, clock, error)
        [failed] = read_trainings(folder)
        assert (failed.outcome, failed.version, failed.sessions) == ("failed", None, ("clip",))
        assert failed.error == "ValueError: n_splits=5 cannot be greater than the number of members in each class"
        with training_lease(folder, "two", now=clock) as lease:
            assert lease.last == failed

    def test_interrupted_training_is_stored_as_failed(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(KeyboardInterrupt):
            fail(folder, clock, KeyboardInterrupt())
        assert [training.error for training in read_trainings(folder)] == ["KeyboardInterrupt"]

    def test_error_is_raised_even_if_it_cannot_be_stored(
        self, folder: Location, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StorageError("no space left")

        monkeypatch.setattr(storage, "write_bytes", full)
        with pytest.raises(ZeroDivisionError) as caught:
            fail(folder, clock, ZeroDivisionError())
        assert "no space left" in caught.value.__notes__[0]

    def test_training_without_a_result_is_stored_as_failed(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(RuntimeError, match=r"finish\(\)"), training_lease(folder, "one", now=clock) as lease:
            lease.begin([])
        assert [training.outcome for training in read_trainings(folder)] == ["failed"]

    def test_finish_without_begin_is_rejected(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(RuntimeError, match=r"begin\(\)"), training_lease(folder, "one", now=clock) as lease:
            finish(lease)
        assert read_trainings(folder) == []

    def test_lost_lease_is_detected_before_publishing(self, folder: Location, clock: Clock) -> None:
        def published() -> None:
            with training_lease(folder, "one", now=clock) as lease:
                lease.begin(["clip"])
                clock.time += timedelta(minutes=5)
                train(folder, clock, "two")
                clock.time += timedelta(minutes=1)
                lease.check()
                finish(lease)

        with pytest.raises(LeaseLost):
            published()
        assert [(training.started_by, training.outcome) for training in read_trainings(folder)] == [
            ("two", "promoted"),
            ("one", "failed"),
        ]


class TestBurst:
    def test_fifty_simultaneous_events_start_one_training(self, folder: Location) -> None:
        trained: list[int] = []
        at_work: list[int] = []
        together = threading.Barrier(BURST)

        def one(event: int) -> str:
            together.wait()
            try:
                with training_lease(folder, f"event {event}") as lease:
                    if lease.last_ended and datetime.now(UTC) - lease.last_ended < HOUR:
                        return "cooling down"
                    lease.begin(["clip"])
                    at_work.append(event)
                    assert len(at_work) == 1
                    time.sleep(0.01)
                    trained.append(event)
                    at_work.remove(event)
                    finish(lease)
                    return "trained"
            except TrainingInProgress:
                return "in progress"

        with ThreadPoolExecutor(BURST) as pool:
            outcomes = list(pool.map(one, range(BURST)))
        assert outcomes.count("trained") == len(trained) == len(read_trainings(folder)) == 1

    def test_events_during_and_after_training_start_no_second_one(self, bucket: Location, clock: Clock) -> None:
        # Another training starts at each of four moments of one training.
        def another() -> str:
            try:
                with training_lease(bucket / "ana", "another", now=clock) as lease:
                    return "cooling down" if lease.last_ended else "trains too"
            except TrainingInProgress:
                return "in progress"

        with training_lease(bucket / "ana", "one", now=clock) as lease:
            outcomes = [another()]
            lease.begin([])
            outcomes.append(another())
            finish(lease)
            outcomes.append(another())
        outcomes.append(another())
        assert outcomes == ["in progress", "in progress", "in progress", "cooling down"]

    @pytest.mark.integration
    def test_fifty_events_in_several_processes_start_one_training(self, folder: Location) -> None:
        outcomes = start(folder, processes=5, events=10, seconds=0.01).communicate()[0].splitlines()
        assert len(outcomes) == BURST + 1
        assert outcomes.count("begun") == outcomes.count("trained") == len(read_trainings(folder)) == 1

    @pytest.mark.integration
    def test_one_of_two_simultaneous_workers_trains(self, folder: Location) -> None:
        outcomes = start(folder, processes=2, seconds=1.0).communicate()[0].splitlines()
        assert len(outcomes) == 3
        assert outcomes.count("begun") == outcomes.count("trained") == len(read_trainings(folder)) == 1

    @pytest.mark.integration
    def test_lease_of_a_killed_process_expires(self, folder: Location) -> None:
        process = start(folder, processes=0, seconds=600)
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.kill()
        process.communicate()
        now = datetime.now(UTC)
        with pytest.raises(TrainingInProgress, match="event 0"), training_lease(folder, "too early", now=lambda: now):
            pass
        later = now + timedelta(minutes=5)
        with training_lease(folder, "the next", now=lambda: later) as lease:
            assert lease.last is None
            lease.begin([])
            finish(lease)
        assert [training.started_by for training in read_trainings(folder)] == ["the next"]
