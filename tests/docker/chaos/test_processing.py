"""Faults while an upload is processed."""

from __future__ import annotations

import subprocess
from hashlib import sha256

import pytest

from tests.docker.chaos.measure import Chaos, batches
from tests.docker.chaos.system import unique
from tests.docker.chaos.uploads import (
    await_drained,
    await_processing,
    await_runs,
    distinct,
    runs_of,
    session_hashes,
    small_files,
    upload_all,
    upload_video,
)
from tests.docker.stack import await_true, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(3600)]

FULL = "/cache/full"


@pytest.mark.chaos(attempts=5)
def test_upload_is_processed_after_it_ran_out_of_memory(chaos: Chaos, attempts: int, clip: bytes) -> None:
    """The memory limit of its container is lowered below what it needs; the next container has the usual one."""
    stack = chaos.stack
    with chaos.measure("Out of memory while an upload is processed", 9) as measured:
        measured.expect(attempts)
        patients = [unique("patient-memory") for _ in range(attempts)]
        for patient in patients:
            run = await_processing(stack, upload_video(stack, patient, distinct(clip)))
            [container] = stack.containers_of(run)
            measured.fault()
            _lower_memory(container)
            _await_end_of_container(container)
            measured.over()
            measured.await_end([run])
        measured.judge_sessions(patients)


@pytest.mark.chaos(attempts=20, short=True)
def test_broken_upload_fails_once(chaos: Chaos, attempts: int) -> None:
    with chaos.measure("Broken video uploaded", 15) as measured:
        for batch in batches(attempts, 4):
            measured.expect(batch)
            for _ in range(batch):
                measured.fault()
            uploads = upload_all(chaos.stack, small_files("broken", batch))
            measured.over()
            await_runs(chaos.stack, uploads)
            measured.await_end(runs_of(chaos.stack, uploads))
            measured.judge_starts(uploads)
            measured.judge_states(runs_of(chaos.stack, uploads), "FAILED")


@pytest.mark.chaos(attempts=5)
def test_both_versions_of_an_overwritten_object_are_processed(chaos: Chaos, attempts: int, clip: bytes) -> None:
    stack = chaos.stack
    with chaos.measure("Object overwritten while it is processed", 21) as measured:
        later = {unique("patient-overwritten"): distinct(clip) for _ in range(attempts)}
        versions = []
        for patient, video in later.items():
            first = upload_video(stack, patient, distinct(clip))
            await_processing(stack, first)
            measured.fault()
            versions += [first, upload_video(stack, patient, video)]
        measured.over()
        await_drained(stack)
        for version in versions:
            await_runs(stack, version)
            measured.await_end(runs_of(stack, version), 900)
            measured.judge_starts(version)
            measured.judge_states(runs_of(stack, version), "COMPLETED")
        measured.verdict.attempts = attempts
        for patient, video in later.items():
            count = session_hashes(stack, patient).count(sha256(video).hexdigest())
            if count == 0:
                measured.verdict.lost.append(f"{patient} has no session of the later version")
            if count > 1:
                measured.verdict.duplicated.append(f"{patient} has {count} sessions of the later version")


@pytest.mark.chaos(attempts=5)
def test_deleted_object_is_processed_or_fails_with_an_alert(chaos: Chaos, attempts: int, clip: bytes) -> None:
    """The run has its own copy; if it needs the object again, it fails."""
    stack = chaos.stack
    with chaos.measure("Object deleted while it is processed", 22) as measured:
        for _ in range(attempts):
            patient = unique("patient-deleted")
            version = upload_video(stack, patient, distinct(clip))
            run = await_processing(stack, version)
            measured.fault()
            stack.s3.delete_object(Bucket="videos", Key=next(iter(version)))
            measured.over()
            state = measured.await_end([run])[run]
            measured.judge_starts(version)
            count = len(session_hashes(stack, patient))
            if state["type"] == "FAILED":
                measured.expect(1)
            elif state["type"] != "COMPLETED" or not count:
                measured.verdict.lost.append(f"{patient} has {count} sessions, its run is {state['name']}")


@pytest.mark.chaos(attempts=5)
def test_upload_is_processed_after_the_disk_was_full(chaos: Chaos, attempts: int, clip: bytes) -> None:
    """A person is alerted, frees space and retries the run."""
    stack = chaos.stack
    volume = f"{stack.environment['SIGHTLINE_CACHE']}:/cache"  # a small file system
    with (
        chaos.measure("Disk full while an upload is processed, until a person frees space", 25) as measured,
        stack.flow_variables(TMPDIR="/cache"),
    ):
        patients = [unique("patient-full") for _ in range(attempts)]
        for patient in patients:
            measured.fault()
            # The download fits, and what is made of it does not.
            left = len(clip) + 100_000
            fill = f"dd if=/dev/zero of={FULL} bs=64K 2>/dev/null; truncate --size=-{left} {FULL}"
            docker("run", "--rm", "--volume", volume, "sightline:chaos", "sh", "-c", fill)
            upload = upload_video(stack, patient, distinct(clip))
            await_runs(stack, upload)
            [run] = runs_of(stack, upload)
            state = measured.await_end([run])[run]
            measured.expect(state["type"] != "COMPLETED")
            docker("run", "--rm", "--volume", volume, "sightline:chaos", "rm", FULL)
            measured.over()
            if state["type"] == "FAILED":
                stack.set_state(run, "SCHEDULED", "AwaitingRetry")
                measured.await_end([run])
        measured.judge_sessions(patients)


def _await_end_of_container(container: str) -> None:
    def has_ended() -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", container) == "false"

    await_true(has_ended, 120, "the container is killed")


def _lower_memory(container: str) -> None:
    """Lower the limit as far as the engine permits: an older kernel refuses less than what cannot be reclaimed."""
    for megabytes in range(200, 4000, 20):
        limit = f"{megabytes}m"
        command = ["docker", "update", "--memory", limit, "--memory-swap", limit, container]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return
    raise AssertionError("the memory limit cannot be lowered")
