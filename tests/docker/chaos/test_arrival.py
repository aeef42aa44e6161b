"""Faults between the arrival of a file and its run."""

from __future__ import annotations

import time

import pytest

from tests.docker.chaos.measure import Chaos, Measurement
from tests.docker.chaos.uploads import (
    FLOW,
    Versions,
    await_drained,
    await_runs,
    distinct,
    etags,
    notification,
    record,
    runs_of,
    small_files,
    upload_all,
)

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.chaos(attempts=5)
@pytest.mark.parametrize(
    ("fault", "order", "service", "count"),
    [
        pytest.param("Server killed while 60 uploads arrive", 3, "server", 60, id="server"),
        pytest.param("Postgres killed while 20 uploads arrive", 5, "database", 20, id="database"),
    ],
)
def test_every_upload_gets_one_run(
    chaos: Chaos, attempts: int, fault: str, order: int, service: str, count: int
) -> None:
    with chaos.measure(fault, order, held=True) as measured, chaos.stack.queue(FLOW, is_paused=True):
        for number in range(attempts):
            uploads = upload_all(chaos.stack, small_files("arriving", count))
            _kill_while_runs_are_created(measured, service, uploads, is_drained=number % 2 == 0)


@pytest.mark.chaos(attempts=5)
def test_every_record_of_a_long_message_gets_one_run(chaos: Chaos, attempts: int) -> None:
    fault = "Server killed while a message with 300 records is read"
    with chaos.measure(fault, 4, held=True) as measured, chaos.stack.queue(FLOW, is_paused=True):
        for number in range(attempts):
            uploads = etags(small_files("message", 300))
            chaos.stack.send_message(notification(*(record(key, etag) for key, etag in uploads.items())))
            _kill_while_runs_are_created(measured, "server", uploads, is_drained=number % 2 == 0)


def _kill_while_runs_are_created(measured: Measurement, service: str, uploads: Versions, *, is_drained: bool) -> None:
    """Kill the service right after the queue is drained, or when half of the runs exist, and judge the uploads."""
    measured.expect(1)
    if is_drained:
        await_drained(measured.stack)
    else:
        await_runs(measured.stack, uploads, len(uploads) // 2)
    with measured.outage(service):
        pass
    await_drained(measured.stack)
    measured.judge_starts(uploads)
    measured.stack.remove_uploads(uploads)


@pytest.mark.chaos(attempts=5)
def test_acknowledged_objects_survive_the_death_of_the_stand_in(chaos: Chaos, attempts: int) -> None:
    stack, fault = chaos.stack, "S3 and SQS stand-in killed right after 20 uploads"
    with chaos.measure(fault, 17, held=True) as measured, stack.queue(FLOW, is_paused=True):
        for _ in range(attempts):
            measured.expect(1)
            contents = small_files("stored", 20)
            uploads = upload_all(stack, contents)
            with measured.outage("aws"):
                pass
            kept = stack.list_keys("videos", f"{next(iter(uploads)).partition('/')[0]}/")
            measured.verdict.lost += [f"{key} is gone" for key in uploads if key not in kept]
            measured.verdict.lost += [
                f"{key} has changed" for key in kept if stack.read("videos", key) != contents[key]
            ]
            await_drained(stack)
            measured.judge_starts(uploads)
            stack.remove_uploads(uploads)


@pytest.mark.chaos(attempts=20, short=True)
def test_cancelled_upload_stays_cancelled(chaos: Chaos, attempts: int, clip: bytes) -> None:
    """Neither a sweep nor a repeated notification starts it again."""
    stack = chaos.stack
    with chaos.measure("A person cancels the runs of uploads", 13, held=True) as measured:
        contents = {key: distinct(clip) for key in small_files("cancelled", attempts)}
        with stack.queue(FLOW, is_paused=True):
            uploads = upload_all(stack, contents)
            await_runs(stack, uploads)
            running, waiting = runs_of(stack, uploads)[:2], runs_of(stack, uploads)[2:]
            for run in waiting:
                measured.fault()
                stack.cancel(run)
        # The queue starts two; these are cancelled while they are in progress.
        stack.await_states(running, "RUNNING")
        for run in running:
            measured.fault()
            stack.cancel(run)
        measured.over()
        measured.await_end(running, 200)
        sweep = stack.run("sweep-uploads", minutes=0)
        for key, etag in uploads.items():
            stack.send_message(notification(record(key, etag)))
        assert measured.await_end([sweep], 300)[sweep]["type"] == "COMPLETED"
        await_drained(stack)
        time.sleep(30)
        measured.judge_starts(uploads)
        measured.judge_states(runs_of(stack, uploads), "CANCELLED")
        stack.remove_uploads(uploads)


@pytest.mark.chaos(attempts=20, short=True)
def test_malformed_record_does_not_affect_its_neighbours(chaos: Chaos, attempts: int) -> None:
    stack, fault = chaos.stack, "One malformed record beside three valid ones"
    with chaos.measure(fault, 14, held=True) as measured, stack.queue(FLOW, is_paused=True):
        measured.expect(attempts)
        dead_letters = stack.messages("uploads-dead-letters")
        uploads: Versions = {}
        for number in range(attempts):
            valid = etags(small_files("beside", 3))
            first, *others = [record(key, etag) for key, etag in valid.items()]
            malformed = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": f"bucket-{number}"}, "object": {}}}
            measured.fault()
            stack.send_message(notification(first, malformed, *others))
            uploads |= valid
        measured.over()
        await_drained(stack)
        measured.judge_starts(uploads)
        if missing := attempts - (stack.messages("uploads-dead-letters") - dead_letters):
            measured.verdict.lost.append(f"{missing} of {attempts} malformed records are not in the dead-letter queue")
        stack.remove_uploads(uploads)
