"""A version is processed once: by one at a time, whoever is killed, however often it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.leases import LeaseLost, LeaseTaken
from sightline.storage import Location, uri_of
from sightline.uploads import MAX_TRIES, Outcome, Settled, Upload, Uploads
from tests.clocks import START, Clock


@pytest.fixture
def uploads(bucket: Location, clock: Clock) -> Uploads:
    return Uploads(bucket, clock)


@pytest.fixture
def clip(bucket: Location) -> Upload:
    return Upload(uri_of(bucket), f"{uri_of(bucket)}/ana/a.mp4", "1", "video", "ana")


def test_what_is_done_is_not_done_again(uploads: Uploads, clip: Upload) -> None:
    assert uploads.record(clip) is None
    with uploads.claim(clip, "run one") as claim:
        claim.done()
    with pytest.raises(Settled, match=r"has been processed, at 2026-01-31 10:20:00 UTC by run one$"):
        uploads.claim(clip, "run two").__enter__()
    record = uploads.record(clip)
    assert record
    assert (record.uri, record.version, record.outcome, record.run, record.at, record.tries) == (
        clip.uri, "1", Outcome.DONE, "run one", START, 1,
    )  # fmt: skip
    assert uploads.outcomes() == {str(clip.id): Outcome.DONE}


def test_another_version_is_another_matter(uploads: Uploads, clip: Upload) -> None:
    with uploads.claim(clip, "run one") as claim:
        claim.done()
    later = Upload(clip.root, clip.uri, "2", clip.kind, clip.patient)
    with uploads.claim(later, "run two") as claim:
        assert claim.tries == 1


def test_while_one_is_at_it_another_is_told_who(uploads: Uploads, clip: Upload) -> None:
    with (
        uploads.claim(clip, "run one"),
        pytest.raises(LeaseTaken, match="run one has it"),
        uploads.claim(clip, "run two"),
    ):
        pytest.fail("two have it")


def test_a_claim_that_breaks_off_may_be_taken_at_once(uploads: Uploads, clip: Upload) -> None:
    with pytest.raises(RuntimeError), uploads.claim(clip, "run one"):
        raise RuntimeError
    assert uploads.record(clip) is None
    with uploads.claim(clip, "run two") as claim:
        assert claim.tries == 2


def test_a_claim_of_one_that_was_killed_runs_out(bucket: Location, clock: Clock, clip: Upload) -> None:
    killed = Uploads(bucket, clock)
    killed._leases.take(str(clip.id), "run one")  # what a killed process leaves
    with pytest.raises(LeaseTaken):
        killed.claim(clip, "run two").__enter__()
    clock.time += timedelta(seconds=61)
    with killed.claim(clip, "run two") as claim:
        claim.done()


def test_who_has_lost_the_claim_keeps_no_record(uploads: Uploads, clip: Upload, clock: Clock) -> None:
    with uploads.claim(clip, "run one") as claim:
        clock.time += timedelta(seconds=61)
        with pytest.raises(LeaseLost):
            claim.done()
    assert uploads.record(clip) is None


def test_what_has_failed_stays_so_unless_it_is_asked_for_again(uploads: Uploads, clip: Upload) -> None:
    with uploads.claim(clip, "run one") as claim:
        claim.failed("a.mp4: is cut off")
    assert uploads.outcomes() == {str(clip.id): Outcome.FAILED}
    with pytest.raises(Settled, match=r"has failed, .* in run one: a.mp4: is cut off\. Upload another, or .*--again"):
        uploads.claim(clip, "run two").__enter__()
    with uploads.claim(clip, "run two", again=True) as claim:
        claim.done()
    assert uploads.outcomes() == {str(clip.id): Outcome.DONE}


def test_a_run_that_failed_may_be_retried(uploads: Uploads, clip: Upload) -> None:
    """Prefect runs it again under its own name."""
    with uploads.claim(clip, "run one") as claim:
        claim.failed("a.mp4: is cut off")
    with uploads.claim(clip, "run one") as claim:
        claim.done()
    record = uploads.record(clip)
    assert record
    assert record.outcome is Outcome.DONE


def test_what_is_killed_each_time_is_given_up(uploads: Uploads, clip: Upload, clock: Clock) -> None:
    """A file that takes its container down must not do so every hour."""
    for _ in range(MAX_TRIES):
        assert uploads._leases.take(str(clip.id), "run")
        clock.time += timedelta(seconds=61)
    with pytest.raises(Settled, match="it was tried 3 times, and each try broke off"):
        uploads.claim(clip, "run last").__enter__()
    assert uploads.outcomes() == {str(clip.id): Outcome.FAILED}
    with uploads.claim(clip, "run again", again=True) as claim:
        claim.done()


def test_of_many_at_once_one_does_it(bucket: Location, clip: Upload, clock: Clock) -> None:
    start, done = Barrier(8), []

    def run(number: int) -> None:
        start.wait()
        try:
            with Uploads(bucket, clock).claim(clip, f"run {number}") as claim:
                done.append(number)
                claim.done()
        except (Settled, LeaseTaken):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert len(done) == 1
    assert uploads_left(bucket) == []


def uploads_left(bucket: Location) -> list[str]:
    return storage.file_names(bucket / ".uploads" / "leases")


def test_a_damaged_record_is_named_with_the_mend(uploads: Uploads, clip: Upload) -> None:
    storage.write_bytes(uploads._place(clip, Outcome.DONE), b"{")
    with pytest.raises(StorageError, match=rf"done/{clip.id}.json: is damaged.* Remove it"):
        uploads.record(clip)
