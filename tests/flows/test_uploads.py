"""An upload is processed once, by the flow of its kind, and a sweep finds uploads without an event."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from demo.clip import build_clip
from flows import process_upload as module
from flows.process_upload import process_upload
from flows.process_video import VideoResult
from flows.sweep_uploads import UploadSweep, sweep_uploads
from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput, InvalidMedia, StorageError
from sightline.settings import settings
from sightline.uploads import UploadOutcome, UploadRules, Uploads
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
    @pytest.fixture
    def deployment(self, prefect_server: str) -> str:
        with get_client(sync_client=True) as client:
            flow_id = client.create_flow(process_upload)
            client.create_deployment(flow_id, "sweeping", paused=True)
        return "process-upload/sweeping"

    def end(self, run: str, create_state: Callable[..., Any]) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, create_state(), force=True)

    def sweep(self, deployment: str, **options: Any) -> list[tuple[str, str]]:
        result = sweep_uploads(deployment, **options)
        assert isinstance(result, UploadSweep)
        return [(upload.outcome, upload.why.removeprefix("run ")) for upload in result.uploads]

    def test_every_upload_gets_one_run_and_three_after_crashes(
        self, videos: Path, deployment: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from prefect.states import Completed, Crashed

        titles: list[str] = []
        monkeypatch.setattr("flows.sweep_uploads.send_alert", lambda alert: titles.append(alert.title))
        clip = put(videos / "ana" / "a.mp4")
        [(outcome, first)] = self.sweep(deployment)
        assert outcome == "started"
        assert self.sweep(deployment) == [("started", first)]
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(first)  # type: ignore[arg-type]
        assert run.parameters == {
            "uri": clip, "object_version": storage.stored(Path(clip)).version, "kind": "video", "again": False,
        }  # fmt: skip
        seen = {first}
        for create_state in (Crashed, Completed, Crashed):  # a completed run has found another run's lease
            self.end(first, create_state)
            [(outcome, first)] = self.sweep(deployment)
            assert outcome == "started"
            seen.add(first)
        assert len(seen) == 4
        assert titles == []
        self.end(first, Crashed)
        assert self.sweep(deployment) == [("given up", first)]
        assert titles == ["1 upload given up: 3 runs did not process it"]
        [(outcome, again)] = self.sweep(deployment, retry_failed=True)
        assert outcome == "started"
        assert again not in seen

    def test_cancelled_run_is_not_started_again(self, videos: Path, deployment: str) -> None:
        from prefect.states import Cancelled

        put(videos / "ana" / "b.mp4")
        [(_, run)] = self.sweep(deployment)
        self.end(run, Cancelled)
        assert self.sweep(deployment) == [("cancelled", run)]
