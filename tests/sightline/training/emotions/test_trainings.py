"""One training of a patient at a time, whatever starts it, and each that ended is in the history."""

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
from sightline.errors import StorageError
from sightline.leases import LeaseLost
from sightline.registry import Registry
from sightline.storage import Location
from sightline.training.emotions import (
    Training,
    TrainingTurn,
    TrainingUnderWay,
    last_training,
    read_trainings,
    training_turn,
)
from tests.clocks import START, Clock

HOUR = timedelta(hours=1)
BURST = 50

STARTING = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from sightline.storage import locate
from sightline.training.emotions import TrainingUnderWay, training_turn

folder, processes, events, seconds = locate(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def one(event):
    try:
        with training_turn(folder, f"event {event}") as turn:
            if turn.last_ended and datetime.now(UTC) - turn.last_ended < timedelta(hours=1):
                return "cooling down"
            turn.begin(["clip"])
            print("begun", flush=True)
            time.sleep(seconds)
            turn.finish(promoted=True, version=1, accuracy=0.5, interval=(0.25, 0.75), verdict="no better than chance")
            return "trained"
    except TrainingUnderWay:
        return "under way"

if len(sys.argv) > 5:
    _ = folder.client  # made once, before the processes part
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
os.close(go)  # what all of them wait for
for child in children:
    os.waitpid(child, 0)
if not children:
    one(0)
"""


@pytest.fixture
def folder(bucket: Location) -> Location:
    return bucket / "ana"


def finish(turn: TrainingTurn, *, version: int = 1, promoted: bool = True) -> Training:
    return turn.finish(
        promoted=promoted, version=version, accuracy=0.625, interval=(0.5, 0.75), verdict="better than chance"
    )


def train(folder: Location, clock: Clock, started_by: str = "a test", version: int = 1) -> Training:
    with training_turn(folder, started_by, now=clock) as turn:
        turn.begin(["clip", "walk"])
        clock.time += timedelta(minutes=2)
        return finish(turn, version=version)


def fail(folder: Location, clock: Clock, error: BaseException) -> None:
    with training_turn(folder, "one", now=clock) as turn:
        turn.begin(["clip"])
        raise error


def start(folder: Location, *, processes: int = 1, events: int = 1, seconds: float) -> subprocess.Popen[str]:
    """Processes that start a training for each of so many events at the same moment."""
    arguments = [storage.uri_of(folder), processes, events, seconds, *(["s3"] if isinstance(folder, S3Path) else [])]
    command = [sys.executable, "-c", STARTING, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class TestHistory:
    def test_a_model_never_trained_has_none(self, folder: Location) -> None:
        assert read_trainings(folder) == []
        assert last_training(folder) is None

    def test_each_training_is_kept_as_it_was_in_order(self, folder: Location, clock: Clock) -> None:
        made = []
        for number in range(1, 4):
            clock.time += HOUR
            made.append(train(folder, clock, f"run {number}", version=number))
        assert read_trainings(folder) == made
        assert last_training(folder) == made[-1]
        first = made[0]
        assert (first.started, first.ended) == (START + HOUR, START + HOUR + timedelta(minutes=2))
        assert (first.outcome, first.version, first.accuracy, first.interval) == ("promoted", 1, 0.625, (0.5, 0.75))
        assert (first.started_by, first.sessions, first.verdict) == ("run 1", ("clip", "walk"), "better than chance")
        assert first.code_version
        assert first.error is None

    def test_a_version_that_was_not_promoted_is_kept_as_that(self, folder: Location, clock: Clock) -> None:
        with training_turn(folder, "a test", now=clock) as turn:
            turn.begin([])
            finish(turn, version=2, promoted=False)
        assert [(each.outcome, each.version) for each in read_trainings(folder)] == [("not promoted", 2)]

    def test_trainings_that_end_at_one_moment_do_not_take_each_other_s_place(
        self, folder: Location, clock: Clock
    ) -> None:
        for _ in range(5):
            with training_turn(folder, "a test", now=clock) as turn:
                turn.begin([])
                finish(turn)
        assert len(read_trainings(folder)) == 5

    def test_a_damaged_one_is_an_error_that_names_it(self, folder: Location, clock: Clock) -> None:
        train(folder, clock)
        storage.write_bytes(folder / "trainings" / "20270101T000000.000000Z-00000000.json", b'{"started')
        with pytest.raises(StorageError, match=r"00000000\.json: is damaged"):
            last_training(folder)
        with pytest.raises(StorageError, match=r"00000000\.json: is damaged"):
            read_trainings(folder)

    def test_the_registry_takes_it_for_no_version(self, bucket: Location, clock: Clock, tmp_path: Path) -> None:
        train(bucket / "ana", clock)
        registry = Registry(bucket, cache=tmp_path / "cache", builtin=tmp_path / "nothing")
        assert registry.versions("ana") == []
        assert registry.names() == []
        assert registry.current("ana") is None


class TestTurn:
    def test_who_comes_second_learns_who_trains(self, folder: Location, clock: Clock) -> None:
        with training_turn(folder, "run brave-otter", now=clock):
            clock.time += timedelta(minutes=1)
            with pytest.raises(TrainingUnderWay) as caught, training_turn(folder, "run calm-otter", now=clock):
                pass
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.model, copy.started_by, copy.since) == ("ana", "run brave-otter", START)
        assert "ana: a training is under way, started by run brave-otter, since 2026-01-31 10:20:00 UTC" in str(copy)

    def test_patients_do_not_wait_for_each_other(self, bucket: Location, clock: Clock) -> None:
        with training_turn(bucket / "ana", "one", now=clock), training_turn(bucket / "ben", "two", now=clock):
            pass

    def test_who_comes_after_it_sees_it(self, folder: Location, clock: Clock) -> None:
        with training_turn(folder, "one", now=clock) as turn:
            assert turn.last_ended is None
        made = train(folder, clock)
        with training_turn(folder, "two", now=clock) as turn:
            assert turn.last == made
            assert turn.last_ended == made.ended

    def test_a_turn_without_a_training_leaves_no_trace_in_the_history(self, folder: Location, clock: Clock) -> None:
        with training_turn(folder, "gate closed", now=clock):
            pass
        with pytest.raises(StorageError), training_turn(folder, "records damaged", now=clock):
            raise StorageError("damaged")
        assert read_trainings(folder) == []

    def test_a_training_that_fails_is_kept_with_its_error_and_the_next_may_start(
        self, folder: Location, clock: Clock
    ) -> None:
        error = ValueError("n_splits=5 cannot be greater than the number of members in each class")
        with pytest.raises(ValueError, match="n_splits"):
            fail(folder, clock, error)
        [failed] = read_trainings(folder)
        assert (failed.outcome, failed.version, failed.sessions) == ("failed", None, ("clip",))
        assert failed.error == "ValueError: n_splits=5 cannot be greater than the number of members in each class"
        with training_turn(folder, "two", now=clock) as turn:
            assert turn.last == failed

    def test_a_training_that_is_interrupted_is_kept_as_failed(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(KeyboardInterrupt):
            fail(folder, clock, KeyboardInterrupt())
        assert [each.error for each in read_trainings(folder)] == ["KeyboardInterrupt"]

    def test_its_error_is_told_even_if_it_cannot_be_written_down(
        self, folder: Location, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StorageError("no space left")

        monkeypatch.setattr(storage, "write_bytes", full)
        with pytest.raises(ZeroDivisionError) as caught:
            fail(folder, clock, ZeroDivisionError())
        assert "no space left" in caught.value.__notes__[0]

    def test_a_training_without_a_result_is_a_failed_one(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(RuntimeError, match=r"finish\(\)"), training_turn(folder, "one", now=clock) as turn:
            turn.begin([])
        assert [each.outcome for each in read_trainings(folder)] == ["failed"]

    def test_a_result_without_a_training_is_refused(self, folder: Location, clock: Clock) -> None:
        with pytest.raises(RuntimeError, match=r"begin\(\)"), training_turn(folder, "one", now=clock) as turn:
            finish(turn)
        assert read_trainings(folder) == []

    def test_who_lost_the_turn_while_its_machine_slept_learns_it_before_it_publishes(
        self, folder: Location, clock: Clock
    ) -> None:
        def published() -> None:
            with training_turn(folder, "one", now=clock) as turn:
                turn.begin(["clip"])
                clock.time += timedelta(minutes=5)
                train(folder, clock, "two")
                clock.time += timedelta(minutes=1)
                turn.check()
                finish(turn)

        with pytest.raises(LeaseLost):
            published()
        assert [(each.started_by, each.outcome) for each in read_trainings(folder)] == [
            ("two", "promoted"),
            ("one", "failed"),
        ]


class TestBurst:
    def test_fifty_events_at_once_give_one_training(self, folder: Location) -> None:
        trained: list[int] = []
        at_work: list[int] = []
        together = threading.Barrier(BURST)

        def one(event: int) -> str:
            together.wait()
            try:
                with training_turn(folder, f"event {event}") as turn:
                    if turn.last_ended and datetime.now(UTC) - turn.last_ended < HOUR:
                        return "cooling down"
                    turn.begin(["clip"])
                    at_work.append(event)
                    assert len(at_work) == 1
                    time.sleep(0.01)
                    trained.append(event)
                    at_work.remove(event)
                    finish(turn)
                    return "trained"
            except TrainingUnderWay:
                return "under way"

        with ThreadPoolExecutor(BURST) as pool:
            outcomes = list(pool.map(one, range(BURST)))
        assert outcomes.count("trained") == len(trained) == len(read_trainings(folder)) == 1

    def test_events_that_come_while_and_after_it_trains_give_no_second_one(
        self, bucket: Location, clock: Clock
    ) -> None:
        # Each of the moments of one training at which another may come.
        def another() -> str:
            try:
                with training_turn(bucket / "ana", "another", now=clock) as turn:
                    return "cooling down" if turn.last_ended else "trains too"
            except TrainingUnderWay:
                return "under way"

        with training_turn(bucket / "ana", "one", now=clock) as turn:
            came = [another()]
            turn.begin([])
            came.append(another())
            finish(turn)
            came.append(another())
        came.append(another())
        assert came == ["under way", "under way", "under way", "cooling down"]

    @pytest.mark.integration
    def test_fifty_events_in_several_processes_give_one_training(self, folder: Location) -> None:
        outcomes = start(folder, processes=5, events=10, seconds=0.01).communicate()[0].splitlines()
        assert len(outcomes) == BURST + 1
        assert outcomes.count("begun") == outcomes.count("trained") == len(read_trainings(folder)) == 1

    @pytest.mark.integration
    def test_of_two_workers_at_once_one_trains(self, folder: Location) -> None:
        outcomes = start(folder, processes=2, seconds=1.0).communicate()[0].splitlines()
        assert len(outcomes) == 3
        assert outcomes.count("begun") == outcomes.count("trained") == len(read_trainings(folder)) == 1

    @pytest.mark.integration
    def test_the_turn_of_a_killed_trainer_runs_out_and_the_next_training_starts(self, folder: Location) -> None:
        process = start(folder, processes=0, seconds=600)
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.kill()
        process.communicate()
        now = datetime.now(UTC)
        with pytest.raises(TrainingUnderWay, match="event 0"), training_turn(folder, "too early", now=lambda: now):
            pass
        later = now + timedelta(minutes=5)
        with training_turn(folder, "the next", now=lambda: later) as turn:
            assert turn.last is None
            turn.begin([])
            finish(turn)
        assert [each.started_by for each in read_trainings(folder)] == ["the next"]
