"""A version is processed once, by one process at a time, even after kills and repeated requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.leases import LeaseLost, LeaseTaken
from sightline.storage import Location, uri_of
from sightline.uploads import MAX_ATTEMPTS, Settled, Upload, UploadOutcome, Uploads
from tests.clocks import START, Clock


@pytest.fixture
def uploads(bucket: Location, clock: Clock) -> Uploads:
    return Uploads(bucket, clock)


@pytest.fixture
def clip(bucket: Location) -> Upload:
    return Upload(uri_of(bucket), f"{uri_of(bucket)}/ana/a.mp4", "1", "video", "ana")


def test_processed_version_is_not_processed_again(uploads: Uploads, clip: Upload) -> None:
    assert uploads.record(clip) is None
    with uploads.take(clip, "run one") as lease:
        lease.done()
    with pytest.raises(Settled, match=r"has been processed, at 2026-01-31 10:20:00 UTC by run one$"):
        uploads.take(clip, "run two").__enter__()
    record = uploads.record(clip)
    assert record
    assert (record.uri, record.version, record.outcome, record.run, record.at, record.attempts) == (
        clip.uri, "1", UploadOutcome.DONE, "run one", START, 1,
    )  # fmt: skip
    assert b'"tries": 1' in storage.read_bytes(uploads._file(clip, UploadOutcome.DONE)), "the key of version 0.1"
    assert uploads.outcomes() == {str(clip.id): UploadOutcome.DONE}


def test_another_version_is_processed(uploads: Uploads, clip: Upload) -> None:
    with uploads.take(clip, "run one") as lease:
        lease.done()
    later = Upload(clip.root, clip.uri, "2", clip.kind, clip.patient)
    with uploads.take(later, "run two") as lease:
        assert lease.attempts == 1


def test_leased_version_raises_with_the_holder(uploads: Uploads, clip: Upload) -> None:
    with (
        uploads.take(clip, "run one"),
        pytest.raises(LeaseTaken, match="run one has it"),
        uploads.take(clip, "run two"),
    ):
        pytest.fail("two runs hold the lease")


def test_interrupted_lease_can_be_taken_immediately(uploads: Uploads, clip: Upload) -> None:
    with pytest.raises(RuntimeError), uploads.take(clip, "run one"):
        raise RuntimeError
    assert uploads.record(clip) is None
    with uploads.take(clip, "run two") as lease:
        assert lease.attempts == 2


def test_upload_lease_a_killed_run_expires(bucket: Location, clock: Clock, clip: Upload) -> None:
    killed = Uploads(bucket, clock)
    killed._leases.take(str(clip.id), "run one")  # the lease of a killed process
    with pytest.raises(LeaseTaken):
        killed.take(clip, "run two").__enter__()
    clock.time += timedelta(seconds=61)
    with killed.take(clip, "run two") as lease:
        lease.done()


def test_run_that_lost_its_lease_writes_no_record(uploads: Uploads, clip: Upload, clock: Clock) -> None:
    with uploads.take(clip, "run one") as lease:
        clock.time += timedelta(seconds=61)
        with uploads.take(clip, "run two"):
            with pytest.raises(LeaseLost):
                lease.done()
            assert uploads.record(clip) is None


def test_run_whose_lease_expired_finishes_if_no_other_process_took_it(
    uploads: Uploads, clip: Upload, clock: Clock
) -> None:
    with uploads.take(clip, "run one") as lease:
        clock.time += timedelta(hours=1)
        lease.done()
    record = uploads.record(clip)
    assert record
    assert (record.outcome, record.attempts) == (UploadOutcome.DONE, 1)


def test_failed_version_is_processed_again_only_on_request(uploads: Uploads, clip: Upload) -> None:
    with uploads.take(clip, "run one") as lease:
        lease.failed("a.mp4: is cut off")
    assert uploads.outcomes() == {str(clip.id): UploadOutcome.FAILED}
    with pytest.raises(
        Settled, match=r"has failed, .* in run one: a.mp4: is cut off\. Upload another version, or .*--again"
    ):
        uploads.take(clip, "run two").__enter__()
    with uploads.take(clip, "run two", again=True) as lease:
        lease.done()
    assert uploads.outcomes() == {str(clip.id): UploadOutcome.DONE}


def test_failed_run_can_be_retried(uploads: Uploads, clip: Upload) -> None:
    """Prefect retries a run under the same name."""
    with uploads.take(clip, "run one") as lease:
        lease.failed("a.mp4: is cut off")
    with uploads.take(clip, "run one") as lease:
        lease.done()
    record = uploads.record(clip)
    assert record
    assert record.outcome is UploadOutcome.DONE


def test_version_is_failed_after_three_interrupted_attempts(uploads: Uploads, clip: Upload, clock: Clock) -> None:
    """A file that crashes its container must not do so every hour."""
    for _ in range(MAX_ATTEMPTS):
        assert uploads._leases.take(str(clip.id), "run")
        clock.time += timedelta(seconds=61)
    with pytest.raises(InvalidInput, match="all 3 attempts were interrupted"):
        uploads.take(clip, "run last").__enter__()
    with pytest.raises(Settled, match="all 3 attempts were interrupted"):
        uploads.take(clip, "run later").__enter__()
    assert uploads.outcomes() == {str(clip.id): UploadOutcome.FAILED}
    with uploads.take(clip, "run again", again=True) as lease:
        lease.done()


def test_caller_may_limit_the_attempts_itself(uploads: Uploads, clip: Upload, clock: Clock) -> None:
    for _ in range(MAX_ATTEMPTS):
        assert uploads._leases.take(str(clip.id), "run")
        clock.time += timedelta(seconds=61)
    with uploads.take(clip, "run", max_attempts=None) as lease:
        assert lease.attempts == MAX_ATTEMPTS + 1


def test_reopened_version_can_be_processed_by_any_run(uploads: Uploads, clip: Upload, bucket: Location) -> None:
    with uploads.take(clip, "run one") as lease:
        lease.failed("a.mp4: is cut off")
    uploads.reopen(clip, "run sweep")
    assert (uploads.record(clip), remaining_leases(bucket)) == (None, [])
    with uploads.take(clip, "run two") as lease:
        assert lease.attempts == 1
        with pytest.raises(LeaseTaken, match="run two has it"):
            uploads.reopen(clip, "run sweep")
        lease.done()
    uploads.reopen(clip, "run sweep")
    assert uploads.outcomes() == {str(clip.id): UploadOutcome.DONE}


def test_one_of_many_concurrent_runs_processes_a_version(bucket: Location, clip: Upload, clock: Clock) -> None:
    start, processed = Barrier(8), []

    def run(number: int) -> None:
        start.wait()
        try:
            with Uploads(bucket, clock).take(clip, f"run {number}") as lease:
                processed.append(number)
                lease.done()
        except (Settled, LeaseTaken):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert len(processed) == 1
    assert remaining_leases(bucket) == []


def remaining_leases(bucket: Location) -> list[str]:
    return storage.file_names(bucket / ".uploads" / "leases")


def test_damaged_record_raises_with_its_name_and_the_fix(uploads: Uploads, clip: Upload) -> None:
    storage.write_bytes(uploads._file(clip, UploadOutcome.DONE), b"{")
    with pytest.raises(StorageError, match=rf"done/{clip.id}.json: is damaged.* Remove it"):
        uploads.record(clip)
