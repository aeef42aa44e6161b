"""Faults of the server, the database, the workers and the containers while runs are in progress."""

from __future__ import annotations

import subprocess
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from deployments.reconciler.reconciler import GIVEN_UP
from tests.docker.chaos.measure import Chaos, Measurement, batches
from tests.docker.chaos.system import ChaosStack, Work, unique
from tests.docker.chaos.uploads import Versions, await_drained, distinct, runs_of, upload_video
from tests.docker.chaos.workload.traces import FIXED, FOLDER
from tests.docker.stack import await_true, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(3600)]

WORKER_LABEL = "io.prefect.worker-name"
STOP_FLOW = """
import os, pathlib, signal
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if int(process.name) != os.getpid() and b"engine" in (process / "cmdline").read_bytes():
        os.kill(int(process.name), signal.SIGSTOP)
        print(process.name)
"""


@pytest.mark.chaos(attempts=5, short=True)
def test_runs_continue_after_the_server_restarted(chaos: Chaos, attempts: int) -> None:
    """A lease of 300 s, renewed at 225 s, would end a run that is longer."""
    seconds, fault = (
        (30, "Server killed during a run") if chaos.is_short else (260, "Server killed during a run longer than 225 s")
    )
    with chaos.measure(fault, 1) as measured:
        measured.expect(1)
        works = chaos.works("chaos-work", attempts, seconds=seconds)
        chaos.stack.await_steps(works)
        with measured.outage("server"):
            pass
        measured.judge_works(works)


@pytest.mark.chaos(attempts=5)
def test_pending_runs_of_a_killed_worker_are_started_by_another(chaos: Chaos, attempts: int) -> None:
    """The worker is killed between the state Pending and the container, which Docker is too slow to create."""
    with chaos.measure("Worker killed while runs are Pending", 2) as measured:
        measured.expect(attempts)
        [proxy] = chaos.stack.containers("docker-proxy")
        docker("pause", proxy)
        works = chaos.works("chaos-work", attempts, seconds=10)
        chaos.stack.await_states([work.run for work in works], "PENDING")
        measured.fault()
        chaos.stack.kill("worker")
        docker("unpause", proxy)
        time.sleep(5)
        chaos.stack.start("worker")
        measured.over()
        measured.judge_works(works)


@pytest.mark.chaos(attempts=5)
def test_container_that_starts_without_a_server_waits_for_it(chaos: Chaos, attempts: int) -> None:
    with chaos.measure("Server killed while containers of runs start", 7) as measured:
        measured.expect(1)
        works = chaos.works("chaos-work", attempts, seconds=10)
        runs = [work.run for work in works]
        await_true(lambda: all(map(chaos.stack.containers_of, runs)), 120, "every run has a container")
        pending = sum(state["type"] == "PENDING" for state in chaos.stack.states(runs).values())
        with measured.outage("server", seconds=45):
            pass
        assert pending, "no container was still starting when the server was killed"
        measured.judge_works(works)


@pytest.mark.chaos(attempts=20, short=True)
def test_killed_container_is_replaced(chaos: Chaos, attempts: int) -> None:
    with chaos.measure("Container of a run killed", 8) as measured:
        for batch in batches(attempts, 5):
            measured.expect(batch)
            works = chaos.works("chaos-work", batch, seconds=30)
            chaos.stack.await_steps(works)
            for work in works:
                measured.fault()
                docker("kill", *chaos.stack.containers_of(work.run))
            measured.over()
            measured.judge_works(works)


@pytest.mark.chaos(attempts=5)
def test_run_that_exceeds_its_memory_every_time_is_given_up(chaos: Chaos, attempts: int) -> None:
    """A person is alerted, removes the cause and retries the run."""
    with chaos.measure("Out of memory in every attempt, until a person removes the cause", 10) as measured:
        measured.expect(attempts)
        works = chaos.works("chaos-work", attempts, seconds=6, memory="exceeded")
        runs = [work.run for work in works]
        for _ in works:
            measured.fault()

        def given_up() -> bool:
            return all(GIVEN_UP in run["tags"] for run in chaos.stack.find_runs({"id": {"any_": runs}}))

        await_true(given_up, 600, f"{attempts} runs are given up")
        for work in works:
            chaos.stack.s3.put_object(Bucket="results", Key=f"{FOLDER}/{work.key}/{FIXED}", Body=b"")
            chaos.stack.set_state(work.run, "SCHEDULED", "AwaitingRetry")
        measured.over()
        measured.judge_works(works)


@pytest.mark.chaos(attempts=5)
def test_cancellation_after_an_outage_arrives(chaos: Chaos, attempts: int) -> None:
    """The process beside the flow may have stopped to ask for cancellations."""
    with chaos.measure("Server away for 45 s, then a person cancels runs", 11) as measured:
        measured.expect(1)
        works = chaos.works("chaos-work", attempts, seconds=600)
        chaos.stack.await_steps(works)
        with measured.outage("server", seconds=45):
            pass
        for work in works:
            chaos.stack.cancel(work.run)
        measured.judge_cancelled(works)


@pytest.mark.chaos(attempts=5)
def test_runs_in_flight_are_resumed_after_down_and_up(chaos: Chaos, attempts: int) -> None:
    with chaos.measure("`make down` with runs in flight, then `make up`", 12) as measured:
        measured.expect(attempts)
        works = chaos.works("chaos-work", attempts, seconds=120)
        chaos.stack.await_steps(works)
        measured.fault()
        chaos.stack.make("down")
        chaos.stack.make("up")
        chaos.stack.await_ready()
        measured.over()
        measured.judge_works(works)


@pytest.mark.chaos(attempts=5)
def test_hanging_run_is_ended_by_its_timeout(chaos: Chaos, attempts: int) -> None:
    """It hangs in its process, whose heartbeats continue."""
    with chaos.measure("Run hangs, with heartbeats", 18) as measured:
        works = chaos.works("chaos-hang", attempts)
        _judge_timeouts(chaos, measured, [work.run for work in works])


@pytest.mark.chaos(attempts=5)
def test_run_that_ignores_its_timeout_is_stopped(chaos: Chaos, attempts: int) -> None:
    """Its process is stopped, like one that is blocked in a system call; the process beside it sends heartbeats."""
    stack = chaos.stack
    with (
        chaos.measure("Run hangs, with heartbeats, and ignores its timeout", 19) as measured,
        stack.queue("train-image-classifier", concurrency_limit=attempts),
    ):
        # A training takes longer than the test needs to stop its process.
        options = {"data": _put_images(stack), "preset": "posture", "pretrained": False, "compare": True}
        runs = [stack.run("train-image-classifier", name=unique("stopped"), **options) for _ in range(attempts)]
        stopped: set[str] = set()

        def stop_those_that_run() -> bool:
            for run, state in stack.states(runs).items():
                if state["type"] == "RUNNING" and run not in stopped:
                    [container] = stack.containers_of(run)
                    assert docker("exec", container, "python", "-c", STOP_FLOW), "no process of a flow was found"
                    stopped.add(run)
            return len(stopped) == attempts

        await_true(stop_those_that_run, 240, "the processes of all runs are stopped")
        _judge_timeouts(chaos, measured, runs)


def _put_images(stack: ChaosStack) -> str:
    """Store labelled pictures of noise; return their prefix."""
    chance, prefix = np.random.default_rng(0), unique("noise")
    for number in range(120):
        buffer = BytesIO()
        Image.fromarray(chance.integers(0, 256, (32, 32, 3), np.uint8)).save(buffer, "PNG")
        label = ("left", "right", "supine")[number % 3]
        stack.s3.put_object(Bucket="patients", Key=f"{prefix}/{label}_{number}.png", Body=buffer.getvalue())
    return f"s3://patients/{prefix}"


def _judge_timeouts(chaos: Chaos, measured: Measurement, runs: list[str]) -> None:
    """Judge runs that hang: they end as TimedOut, without a container, soon after the timeout of 60 s."""
    measured.expect(len(runs))
    chaos.stack.await_states(runs, "RUNNING")
    for _ in runs:
        measured.fault()
    time.sleep(60)
    measured.over()
    states = measured.await_end(runs, 300)
    measured.verdict.attempts += len(runs)
    measured.judge_states(runs, "FAILED")
    measured.verdict.lost += [
        f"run {run} is {state['name']}" for run, state in states.items() if state["name"] != "TimedOut"
    ]


@pytest.mark.chaos(attempts=5)
def test_container_outlives_its_worker(chaos: Chaos, attempts: int) -> None:
    """Two workers share the pool; the one whose containers are watched is killed for good."""
    stack = chaos.stack
    with chaos.measure("One of two workers killed beside its running containers", 20) as measured:
        stack.compose("up", "--detach", "--no-recreate", "--no-deps", "--scale", "worker=2", "worker")
        time.sleep(150)  # A worker belongs to the usual ones after a while.
        while measured.verdict.attempts < attempts:
            measured.expect(1)
            works = chaos.works("chaos-work", 2 * attempts, seconds=100)
            stack.await_steps(works)
            by_worker = _by_worker(chaos, works)
            worker = max(by_worker, key=lambda name: len(by_worker[name]))
            measured.fault()
            docker("kill", worker)
            docker("rm", worker)
            measured.over()
            measured.judge_works(by_worker.pop(worker))
            others = [work.run for works in by_worker.values() for work in works]
            measured.await_end(others)


def _by_worker(chaos: Chaos, works: list[Work]) -> dict[str, list[Work]]:
    """Return the works by the container of the worker that started theirs."""
    found: dict[str, list[Work]] = {worker: [] for worker in chaos.stack.containers("worker")}
    logs = {worker: _log(worker) for worker in found}
    for work in works:
        [container] = chaos.stack.containers_of(work.run)
        name = docker("inspect", "--format", f'{{{{index .Config.Labels "{WORKER_LABEL}"}}}}', container)
        [worker] = [worker for worker, log in logs.items() if f"Worker '{name}' started" in log]
        found[worker].append(work)
    return found


def _log(container: str) -> str:
    command = ["docker", "logs", container]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


@pytest.mark.chaos(attempts=5)
def test_outage_of_a_quarter_of_an_hour_is_a_pause(chaos: Chaos, attempts: int, clip: bytes) -> None:
    """Runs that end during the outage or after it, suspended reviews, cancellations and new uploads."""
    stack = chaos.stack
    with chaos.measure("Server away for 15 minutes", 23) as measured:
        measured.expect(1)
        reviews = chaos.works("chaos-review", attempts)
        stack.await_states([review.run for review in reviews], "Suspended")
        works = [
            *chaos.works("chaos-work", attempts, seconds=60),
            *chaos.works("chaos-work", attempts, seconds=1000),
        ]
        cancelled = chaos.works("chaos-work", attempts, seconds=2400)
        stack.await_steps([*works, *cancelled])
        patients = [unique("patient-away") for _ in range(attempts)]
        videos: Versions = {}
        with measured.outage("server", seconds=900):
            time.sleep(450)
            for patient in patients:
                videos |= upload_video(stack, patient, distinct(clip))
        for work in cancelled:
            stack.cancel(work.run)
        for review in reviews:
            stack.answer(review.run)
        measured.judge_cancelled(cancelled)
        measured.judge_works([*works, *reviews])
        await_drained(stack)
        measured.await_end(runs_of(stack, videos), 900)
        measured.judge_starts(videos)
        measured.judge_sessions(patients)
        measured.verdict.attempts = 5 * attempts


@pytest.mark.chaos(attempts=5)
def test_runs_continue_after_the_database_restarted(chaos: Chaos, attempts: int) -> None:
    with chaos.measure("Postgres killed during runs", 24) as measured:
        measured.expect(1)
        works = chaos.works("chaos-work", attempts, seconds=60)
        chaos.stack.await_steps(works)
        with measured.outage("database"):
            pass
        measured.judge_works(works)
