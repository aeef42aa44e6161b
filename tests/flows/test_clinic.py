"""Folders of videos, transcripts beside them, replacements and corrections, with a Prefect server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.states import State

from flows.correct_session import correct_session
from flows.process_video import process_video
from sightline.errors import FailedWithResult, InvalidInput
from sightline.sessions import read_sessions
from tests.videos import make_video

pytestmark = pytest.mark.integration


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The bucket of a patient with a silent video that has a subtitle file."""
    folder = tmp_path / "videos" / "ana"
    folder.mkdir(parents=True)
    make_video(folder / "VID_20260308_101500.mp4", frames=20)
    (folder / "VID_20260308_101500.srt").write_text("1\n00:00:00,000 --> 00:00:00,500\nI am happy.\n")
    (folder / "VID_20260308_101500.json").write_text('{"camera": "unknown"}')
    return tmp_path


def process(bucket: Path, name: str, **options: Any) -> State[Any]:
    return process_video(
        str(bucket / "videos" / name),
        video_bucket=str(bucket / "videos"),
        patients_bucket=str(bucket / "patients"),
        transcriber="pocketsphinx",
        pose_fps=2,
        return_state=True,
        **options,
    )


def test_folder_is_processed_once_and_a_bad_video_stops_no_other(bucket: Path) -> None:
    broken = bucket / "videos" / "ana" / "broken.mp4"
    broken.write_bytes(b"Dear diary. " * 99)
    state = process(bucket, "ana")
    failure = state.result(raise_on_failure=False)
    assert isinstance(failure, FailedWithResult)
    assert "1 of 2 videos failed" in str(failure)
    assert "broken.mp4: " in str(failure)
    result: Any = failure.result
    assert (result.videos, result.processed, result.failed, result.other_files) == (2, 1, 1, 2)
    [visit] = [outcome for outcome in result.outcomes if outcome.outcome == "processed"]
    assert (visit.session, visit.emotion) == ("ana/VID_20260308_101500", "happy"), "the words are those of the file"
    assert visit.when.replace(tzinfo=None).isoformat() == "2026-03-08T10:15:00", "in the zone of this machine"

    broken.unlink()
    again = process(bucket, "ana").result()
    assert (again.processed, again.skipped, again.emotions) == (0, 1, {"happy": 1})
    refused = process(bucket, "ana", recorded="2026-03-08")
    with pytest.raises(InvalidInput, match="--recorded is about one video"):
        refused.result()


def test_session_is_replaced_and_corrected(bucket: Path, prefect_server: str) -> None:
    video = "ana/VID_20260308_101500.mp4"
    first = process(bucket, video).result()
    metadata = json.loads(Path(first.metadata_file).read_text())
    assert metadata["transcript_file"]["found"] == "beside the video"
    assert any("VID_20260308_101500.json beside the video is no transcript" in text for text in first.warnings)

    skipped = process(bucket, video, sidecar=False)
    assert "Options that differ from that run: sidecar" in str(skipped.message)
    assert "give --replace" in str(skipped.message)

    buckets = {"video_bucket": str(bucket / "videos"), "patients_bucket": str(bucket / "patients")}
    name = f"{first.patient}/{first.session}"
    corrected = correct_session(name, emotion="angry", by="Kim", **buckets)
    assert (corrected.emotion_before, corrected.emotion, corrected.by) == ("happy", "angry", "Kim")

    words = bucket / "words.vtt"
    words.write_text("WEBVTT\n\n00:00.000 --> 00:00.500\nI am sad.\n")
    replaced = process(bucket, video, transcript=str(words), recorded="2026-03-01", replace=True).result()
    assert (replaced.processed, replaced.session, replaced.transcription) == (True, first.session, "I am sad.")
    assert replaced.emotion == "angry", "as a person corrected it"
    [record] = read_sessions(bucket / "patients", "ana")
    assert (record.spoken_emotion, f"{record.when:%Y-%m-%d}", record.times_replaced) == ("sad", "2026-03-01", 1)
    with pytest.raises(InvalidInput, match="is not one of the emotions"):
        correct_session(name, emotion="hungry", by="Kim", **buckets)
