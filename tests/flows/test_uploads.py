"""An upload is processed once, by the flow of its kind, and a sweep finds uploads without an event."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry, Cancelled, Completed, Crashed, Failed

from demo.clip import build_clip
from flows import process_upload as module
from flows.process_upload import process_upload
from flows.process_video import VideoResult
from flows.sweep_uploads import UploadSweep, sweep_uploads
from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput, InvalidMedia, StorageError
from sightline.settings import settings
from sightline.uploads import MAX_ATTEMPTS, UploadOutcome, UploadRules, Uploads
from tasks import uploads as tasks

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The video bucket, a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDEO_BUCKET", str(tmp_path / "videos"))
    monkeypatch.setenv("PATIENTS_BUCKET", str(tmp_path / "patients"))
    settings.cache_clear()
    yield tmp_path / "videos"
    settings.cache_clear()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The calls of the flows that process uploads, which toys replace."""
    calls: list[tuple[str, Any]] = []

    @flow(name="toy-video")
    def toy_video(video: str, patient: str | None = None, transcriber: str = "auto") -> None:
        calls.append((video, patient))
        content = Path(video).read_bytes()
        if content == b"bad":
            raise InvalidMedia(video, "is no video")
        if content == b"away":
            raise StorageError(f"{video}: the network is away")

    @flow(name="toy-images")
    def toy_images(source: str, model: str) -> None:
        calls.append((source, model))

    monkeypatch.setattr(module, "process_video", toy_video)
    monkeypatch.setattr(module, "classify_images", toy_images)
    return calls


def put(path: Path, content: bytes = b"x", minutes_ago: float = 60) -> str:
    storage.write_bytes(path, content)
    at = time.time() - 60 * minutes_ago
    os.utime(path, (at, at))
    return str(path)


def outcomes(videos: Path) -> list[UploadOutcome]:
    return list(Uploads(videos, now_in_utc).outcomes().values())


class TestOneUpload:
    def test_video_becomes_a_session_of_the_patient_in_its_key_once(self, videos: Path) -> None:
        (videos / "ana").mkdir(parents=True)
        clip = build_clip(videos / "ana" / "visit.mp4", None, seconds=1, size=(320, 240))  # without audio
        done = process_upload(str(clip), return_state=True)
        again = process_upload(str(clip), return_state=True)
        result = done.result(_sync=True)
        assert isinstance(result.video, VideoResult)
        assert (result.processed, result.kind, result.patient, result.video.patient) == (True, "video", "ana", "ana")
        assert again.name == "Skipped"
        assert again.is_completed()
        assert again.result(_sync=True).processed is False

    def test_image_is_classified_by_the_model_of_the_setting(
        self, videos: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UPLOAD_IMAGE_MODEL", "vehicles")
        settings.cache_clear()
        image = put(videos / "ana" / "bed.PNG")
        assert process_upload(image).processed
        assert runs == [(image, "vehicles")]

    def test_replaced_version_is_skipped(self, videos: Path, runs: list[Any]) -> None:
        clip = put(videos / "ana" / "a.mp4")
        state = process_upload(clip, "an earlier one", return_state=True)
        assert state.name == "Skipped"
        assert "has been replaced since" in state.message
        assert runs == []
        assert process_upload(clip, storage.stored(Path(clip)).version).processed

    def test_invalid_file_fails_once_and_is_then_skipped(self, videos: Path, runs: list[Any]) -> None:
        clip = put(videos / "ana" / "a.mp4", b"bad")
        with pytest.raises(InvalidMedia, match="is no video"):
            process_upload(clip)
        state = process_upload(clip, return_state=True)
        assert (state.name, len(runs)) == ("Skipped", 1)
        assert "a.mp4: is no video. Upload another version, or run process-upload with --again" in str(state.message)
        with pytest.raises(InvalidMedia):
            process_upload(clip, again=True)

    def test_upload_is_processed_again_after_a_transient_failure(self, videos: Path, runs: list[Any]) -> None:
        clip = put(videos / "ana" / "a.mp4", b"away")
        with pytest.raises(StorageError):
            process_upload(clip)
        assert outcomes(videos) == []
        put(videos / "ana" / "a.mp4", b"back")
        assert process_upload(clip).processed

    def test_upload_leased_by_another_run_is_skipped(self, videos: Path, runs: list[Any]) -> None:
        clip = put(videos / "ana" / "a.mp4")
        upload = UploadRules.of(settings()).upload(clip, storage.stored(Path(clip)).version)
        assert upload
        with Uploads(videos, now_in_utc).take(upload, "run brave-otter"):
            state = process_upload(clip, return_state=True)
        assert (state.name, runs) == ("Skipped", [])
        assert "run brave-otter has it since" in str(state.message)

    @pytest.mark.parametrize(
        ("name", "message"), [("none.mp4", "there is no such file"), ("notes.txt", "matches no rule")]
    )
    def test_missing_or_unmatched_file_raises_with_the_reason(
        self, videos: Path, runs: list[Any], name: str, message: str
    ) -> None:
        put(videos / "ana" / "notes.txt")
        with pytest.raises(InvalidInput, match=message):
            process_upload(str(videos / "ana" / name))

    def test_failure_sends_one_alert(self, videos: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        titles: list[str] = []
        monkeypatch.setattr("tasks.support.hooks.deliver", lambda alert, *_, **__: titles.append(alert.title))
        from flows.process_video import process_video

        monkeypatch.setattr(module, "process_video", process_video)
        process_upload(put(videos / "ana" / "a.mp4", b"no video at all"), return_state=True)
        assert titles == ["process-upload failed"]


def test_killed_run_waits_until_its_own_lease_expires(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = UploadRules.of(settings()).upload(put(videos / "ana" / "a.mp4"), "1")
    assert upload
    monkeypatch.setattr(tasks, "_LEASE", timedelta(seconds=1))
    monkeypatch.setattr(tasks, "_PAUSE", 0.1)

    @flow
    def killed_and_run_again() -> int:
        uploads = Uploads(videos, now_in_utc, timedelta(seconds=1))
        assert uploads._leases.take(str(upload.id), tasks._this_run())  # the lease of the killed attempt
        with tasks.upload_lease(upload, again=False) as lease:
            return lease.attempts

    assert killed_and_run_again() == 2


class TestSweep:
    def test_sweep_processes_uploads_without_a_run(self, videos: Path, runs: list[Any]) -> None:
        known = put(videos / "ana" / "known.mp4")
        process_upload(known)
        missed = [put(videos / "ana" / "missed.mp4"), put(videos / "ben" / "bed.jpg")]
        put(videos / "ana" / "young.mp4", minutes_ago=1)
        put(videos / "annotated" / "ana" / "known.mp4")
        result = sweep_uploads()
        assert (result.deployment, result.found, result.done, result.missed, result.left) == (None, 3, 1, 2, 0)
        assert [(upload.uri, upload.outcome) for upload in result.uploads] == [(uri, "processed") for uri in missed]
        assert [uri for uri, _ in runs] == [known, *missed]
        assert sweep_uploads().missed == 0

    def test_failed_upload_is_named_and_does_not_stop_the_sweep(self, videos: Path, runs: list[Any]) -> None:
        bad = put(videos / "ana" / "a.mp4", b"bad")
        put(videos / "ana" / "b.mp4")
        state = sweep_uploads(return_state=True)
        assert state.is_failed()
        assert str(state.message).startswith(f"1 of 2 uploads failed. {bad}: ")
        assert "is no video" in str(state.message)
        assert sorted(outcomes(videos)) == [UploadOutcome.DONE, UploadOutcome.FAILED]
        later = sweep_uploads()
        assert (later.failed, later.missed) == (1, 0)
        assert sweep_uploads(retry_failed=True, return_state=True).is_failed()

    def test_upload_whose_attempts_were_all_interrupted_fails_with_an_alert(
        self, videos: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that kills its process must not do so in every sweep."""
        messages: list[str] = []
        monkeypatch.setattr(
            "tasks.support.hooks.deliver", lambda alert, *_, **__: messages.append(alert.facts["message"])
        )
        clip = put(videos / "ana" / "a.mp4")
        upload = UploadRules.of(settings()).upload(clip, storage.stored(Path(clip)).version)
        assert upload
        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(KeyboardInterrupt), Uploads(videos, now_in_utc).take(upload, "run brave-otter"):
                raise KeyboardInterrupt
        state = sweep_uploads(return_state=True)
        assert state.is_failed()
        assert (runs, outcomes(videos)) == ([], [UploadOutcome.FAILED])
        assert any("all 3 attempts were interrupted" in message for message in messages)
        assert sweep_uploads().missed == 0
        assert sweep_uploads(retry_failed=True).uploads[0].outcome == "processed"

    def test_uploads_beyond_the_limit_are_left_to_the_next_sweep(self, videos: Path, runs: list[Any]) -> None:
        for number in range(3):
            put(videos / "ana" / f"{number}.mp4")
        assert [sweep_uploads(limit=2).left, sweep_uploads(limit=2).left] == [1, 0]
        assert len(runs) == 3

    def test_unknown_deployment_raises_with_its_name(self, videos: Path) -> None:
        put(videos / "ana" / "a.mp4")
        with pytest.raises(InvalidInput, match="process-upload/none: there is no such deployment"):
            sweep_uploads("process-upload/none")


class TestSweepByDeployment:
    """A sweep of a deployment creates the runs, and starts them again; a worker executes them."""

    @pytest.fixture
    def deployment(self, prefect_server: str) -> str:
        with get_client(sync_client=True) as client:
            flow_id = client.create_flow(process_upload)
            client.create_deployment(flow_id, "sweeping", paused=True)
        return "process-upload/sweeping"

    def end(self, run: str, create_state: Callable[..., State]) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(run), create_state(), force=True)

    def read(self, run: str) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(UUID(run))

    def execute(self, run: str) -> State:
        """Execute a scheduled run in this process, as a container does; return its final state."""
        flow_run = self.read(run)
        assert flow_run.state
        assert flow_run.state.is_scheduled()
        state = run_flow(process_upload, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
        assert isinstance(state, State)
        return state

    def sweep(self, deployment: str, **options: Any) -> list[tuple[str, str]]:
        result = sweep_uploads(deployment, **options)
        assert isinstance(result, UploadSweep)
        return [(upload.outcome, upload.why.removeprefix("run ")) for upload in result.uploads]

    def test_upload_has_one_run_with_the_parameters_of_the_listener(self, videos: Path, deployment: str) -> None:
        clip = put(videos / "ana" / "a.mp4")
        [(outcome, run)] = self.sweep(deployment)
        assert outcome == "started"
        assert self.sweep(deployment) == [("started", run)]
        version = storage.stored(Path(clip)).version
        created = self.read(run)
        assert created.parameters == {"uri": clip, "object_version": version, "kind": "video"}
        upload = UploadRules.of(settings()).upload(clip, version)
        assert upload
        assert created.idempotency_key == str(upload.id)

    @pytest.mark.parametrize("create_state", [Completed, Failed])
    def test_run_that_ended_without_a_record_is_started_again(
        self, videos: Path, deployment: str, create_state: Callable[..., State], runs: list[Any]
    ) -> None:
        """It skipped the upload because another run had it, or it failed for a transient reason."""
        put(videos / "ana" / "a.mp4")
        [(_, run)] = self.sweep(deployment)
        self.end(run, create_state)
        assert self.sweep(deployment) == [("started", run)]
        assert self.read(run).state_name == "AwaitingRetry"
        assert self.execute(run).is_completed()
        assert len(runs) == 1
        assert self.sweep(deployment) == []

    def test_run_is_given_up_after_three_failures_until_a_person_retries_it(
        self, videos: Path, deployment: str, runs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        titles: list[str] = []
        monkeypatch.setattr("tasks.support.hooks.deliver", lambda alert, *_, **__: titles.append(alert.title))
        clip = put(videos / "ana" / "a.mp4", b"away")
        for _ in range(3):
            [(outcome, run)] = self.sweep(deployment)
            assert outcome == "started"
            self.end(run, Completed)  # does not count
            [(outcome, _)] = self.sweep(deployment)
            assert outcome == "started"
            assert self.execute(run).is_failed()
        alerts = len(titles)
        assert self.sweep(deployment) == [("given up", run)]
        assert len(titles) == alerts
        self.end(run, AwaitingRetry)  # the button on the run's page
        assert "the network is away" in str(self.execute(run).message)
        assert self.sweep(deployment) == [("given up", run)]
        before = Path(clip).stat()
        Path(clip).write_bytes(b"back")
        os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same version
        assert self.sweep(deployment, retry_failed=True) == [("started", run)]
        assert self.execute(run).name == "Completed"
        assert outcomes(videos) == [UploadOutcome.DONE]

    @pytest.mark.parametrize("recorded_by", ["its own run", "another run"])
    def test_failed_upload_is_retried_in_the_same_run_on_request(
        self, videos: Path, deployment: str, runs: list[Any], recorded_by: str
    ) -> None:
        clip = put(videos / "ana" / "a.mp4", b"bad")
        [(_, run)] = self.sweep(deployment)
        if recorded_by == "another run":
            process_upload(clip, return_state=True)
            assert self.execute(run).name == "Skipped"
        else:
            assert self.execute(run).is_failed()
        assert self.sweep(deployment) == []
        for attempts in (2, 3):
            assert self.sweep(deployment, retry_failed=True) == [("started", run)]
            assert self.execute(run).is_failed()
            assert len(runs) == attempts
        assert outcomes(videos) == [UploadOutcome.FAILED]

    def test_failed_upload_without_a_run_is_retried_in_its_run(
        self, videos: Path, deployment: str, runs: list[Any]
    ) -> None:
        """Version 0.1 started runs without this key; and a run may be deleted from the database."""
        clip = put(videos / "ana" / "a.mp4", b"bad")
        process_upload(clip, return_state=True)
        [(outcome, run)] = self.sweep(deployment, retry_failed=True)
        assert (outcome, self.execute(run).is_failed(), len(runs)) == ("started", True, 2)

    def test_deleted_run_is_created_again(self, videos: Path, deployment: str) -> None:
        put(videos / "ana" / "a.mp4")
        [(_, run)] = self.sweep(deployment)
        key = self.read(run).idempotency_key
        with get_client(sync_client=True) as client:
            client.delete_flow_run(UUID(run))
        [(outcome, other)] = self.sweep(deployment)
        assert other != run
        assert (outcome, self.read(other).idempotency_key) == ("started", key)

    def test_crashed_run_is_left_to_the_reconciler_unless_a_person_retries_it(
        self, videos: Path, deployment: str
    ) -> None:
        put(videos / "ana" / "a.mp4")
        [(_, run)] = self.sweep(deployment)
        self.end(run, Crashed)
        assert self.sweep(deployment) == [("crashed", run)]
        assert self.sweep(deployment, retry_failed=True) == [("started", run)]
        assert self.read(run).state_name == "AwaitingRetry"

    @pytest.mark.parametrize("has_failed", [False, True])
    def test_cancelled_run_is_not_started_again(
        self, videos: Path, deployment: str, runs: list[Any], has_failed: bool
    ) -> None:
        """Not even by a retry of all that failed: that concerns other uploads, too. Its page has a button for it."""
        put(videos / "ana" / "a.mp4", b"bad")
        [(_, run)] = self.sweep(deployment)
        if has_failed:
            self.execute(run)
        self.end(run, Cancelled)
        assert self.sweep(deployment) == ([] if has_failed else [("cancelled", run)])
        assert self.sweep(deployment, retry_failed=True) == [("cancelled", run)]
        assert outcomes(videos) == ([UploadOutcome.FAILED] if has_failed else [])

    def test_upload_that_was_processed_since_the_search_is_not_started_again(
        self, videos: Path, deployment: str, runs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(videos / "ana" / "a.mp4")
        [(_, run)] = self.sweep(deployment)
        missed = tasks.find_missed(timedelta(), retry_failed=False)
        self.execute(run)
        monkeypatch.setattr("flows.sweep_uploads.find_missed", lambda *_, **__: missed)
        assert self.sweep(deployment) == [("processed", run)]
        assert self.read(run).state_name == "Completed"
