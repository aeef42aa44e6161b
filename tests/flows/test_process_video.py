"""The flow process-video on short clips, with a Prefect server."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prefect.states import State
from scipy.signal import resample_poly

from benchmarks._vowels import babble, silence
from demo.clip import build_clip
from flows.export_openpose import export_openpose
from flows.process_video import VideoResult, process_video
from sightline.errors import InvalidMedia, InvalidName
from sightline.media import decode, probe
from sightline.pose import PeopleTrack, read_openpose
from tests.dialogues import Samples, needs_voices, read_dialogue
from tests.videos import make_video

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent.parent
SPEECH = ROOT / "demo" / "speech.ogg"

TRANSCRIPT = """WEBVTT

00:00.020 --> 00:00.050
John is happy, "really", he says.

00:00.060 --> 00:00.090
He is not sad.
"""


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of three seconds with a moving person."""
    return build_clip(tmp_path_factory.mktemp("clip") / "visit.mp4", None, seconds=3, size=(480, 360))


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of one second, for tests that do not depend on the duration."""
    return build_clip(tmp_path_factory.mktemp("short_clip") / "visit.mp4", None, seconds=1, size=(480, 360))


@pytest.fixture(scope="session")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("transcript") / "visit.vtt"
    path.write_text(TRANSCRIPT)
    return str(path)


def copy_to_bucket(video: Path, bucket: Path, name: str = "ana/visit.mp4") -> str:
    target = bucket / "videos" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(video.read_bytes())
    return str(target)


def run(video: str, bucket: Path, **options: Any) -> State[VideoResult]:
    """Process a video of the patient ana, who is called John in the transcript."""
    return process_video(
        video,
        names=["John"],
        video_bucket=str(bucket / "videos"),
        patients_bucket=str(bucket / "patients"),
        return_state=True,
        **options,
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_video_gives_the_output_tree_of_the_original(clip: Path, transcript: str, tmp_path: Path) -> None:
    state = run(copy_to_bucket(clip, tmp_path), tmp_path, transcript=transcript, highlights=True)
    assert state.name == "Completed"
    result = state.result()
    assert (result.patient, result.session, result.emotion, result.processed) == ("ana", "visit", "happy", True)

    videos, patients = tmp_path / "videos", tmp_path / "patients"
    frames = sorted(path.name for path in (videos / "annotated/ana/frames/visit").iterdir())
    poses = sorted(path.name for path in (videos / "annotated/ana/poses/visit").iterdir())
    assert frames[0] == "frame_000_at_0.02s_john_happy.jpg"
    assert frames[1:] == [f"frame_{n + 1:03d}_at_pos_{round(n * 7.5 - 0.01)}.jpg" for n in range(12)]
    assert poses == [name.replace("frame_", "pose_").replace(".jpg", ".json") for name in frames]

    annotated = probe(videos / "annotated/ana/visit.mp4")
    assert (annotated.video_codec, annotated.width, annotated.height) == ("h264", 480, 360)
    assert annotated.duration == pytest.approx(3, abs=0.05)

    metadata = json.loads((videos / "annotated/ana/visit_metadata.json").read_bytes())
    assert metadata["video_path"] == str(videos / "ana/visit.mp4"), "the URI of the source, not a temporary path"
    assert metadata["frames_tracked"] >= 30
    assert metadata["frames_with_person"] == result.frames_with_person > 20
    stages = [
        "fetch", "probe", "hear sound", "transcribe", "measure voice", "find emotions", "extract poses and annotate",
        "cut highlights",
    ]  # fmt: skip
    assert list(metadata["timings"]) == stages
    assert metadata["engine"] == "file"
    assert metadata["processing_timestamp"].endswith(("Z", "+00:00"))
    [row] = csv.DictReader(io.StringIO((videos / "annotated/ana/visit_analysis.csv").read_text()))
    assert row["transcription"] == 'John is happy, "really", he says. He is not sad.'

    numbered = sorted(path.name for path in (patients / "ana/happiness").glob("pose_*.json"))
    assert numbered == [f"pose_{n:06d}.json" for n in range(13)]
    assert result.pose_indices.model_dump() == {"start": 0, "end": 12, "count": 13}
    track = PeopleTrack.from_parquet(patients / "ana/happiness/.sessions/visit_track.parquet")
    assert len(track.frames) == result.frames_with_person
    assert np.all(np.diff(track.times) > 0), "poses are in order of time"
    first = read_openpose((patients / "ana/happiness/pose_000000.json").read_bytes())
    assert first is not None
    assert first.shape == (25, 3)
    assert 0 < probe(Path(str(result.highlights))).duration < 3


def test_processed_content_is_skipped_without_changes(short_clip: Path, transcript: str, tmp_path: Path) -> None:
    first = run(copy_to_bucket(short_clip, tmp_path), tmp_path, transcript=transcript).result()
    before = tree(tmp_path)
    again = run(copy_to_bucket(short_clip, tmp_path), tmp_path, transcript=transcript, blur_faces=True)
    assert again.name == "Skipped"
    assert again.is_completed()
    assert "visit.mp4 has already been processed, as session visit; nothing was changed" in str(again.message)
    assert "Options that differ from that run: blur_faces" in str(again.message)
    assert again.result() == first.model_copy(update={"processed": False})
    assert tree(tmp_path) == before


def test_second_video_of_the_same_name_gets_a_separate_session(
    short_clip: Path, transcript: str, tmp_path: Path
) -> None:
    """The original keyed sessions by the stem: the second video replaced the first."""
    first = run(copy_to_bucket(short_clip, tmp_path), tmp_path, transcript=transcript).result()
    other = make_video(tmp_path / "visit.mov", frames=20)
    second = run(copy_to_bucket(other, tmp_path, "ana/visit.mov"), tmp_path, transcript=transcript).result()
    assert (first.session, second.session) == ("visit", f"visit-{_hash(other)[:8]}")
    assert Path(first.annotated_video).read_bytes() != Path(second.annotated_video).read_bytes()
    assert second.pose_indices.count == 0, "the second video shows no person"


def _hash(path: Path) -> str:
    from sightline.storage import content_hash

    return content_hash(path)


def test_neutral_session_has_frames_and_poses(short_clip: Path, tmp_path: Path) -> None:
    """The original stored no frames and no poses for neutral videos."""
    silence = tmp_path / "silence.srt"
    silence.write_text("1\n00:00:00,000 --> 00:00:01,000\nThis is Monday.\n")
    result = run(copy_to_bucket(short_clip, tmp_path), tmp_path, transcript=str(silence)).result()
    assert result.emotion == "neutral"
    assert result.pose_indices.count == result.poses_extracted == 12
    assert (tmp_path / "patients/ana/neutral/.sessions/visit_session.json").exists()


def test_voice_without_words_is_on_the_timeline(transcript: str, tmp_path: Path) -> None:
    """A babble after the words, as of somebody who does not speak; a real laugh is in the tests of the voice."""
    babbled = babble(lambda t: 150 * 2 ** (3 * t / 12), 1.5, jitter=0.005, shimmer=0.03, noise_db=30).samples
    sound = resample_poly(np.concatenate([silence(1), babbled, silence(0.5)]), 3, 1)
    video = make_video(tmp_path / "visit.mp4", frames=90, size=(640, 360), sound="aac", samples=sound)
    result = run(copy_to_bucket(video, tmp_path), tmp_path, transcript=transcript).result()
    metadata = json.loads(Path(result.metadata_file).read_bytes())
    [found] = metadata["measured_voice"]["vocalisations"]
    assert (found["start"], found["end"]) == pytest.approx((1, 2.5), abs=0.15)
    assert found["prosody"]["pitch_median_hz"] == pytest.approx(150 * 2 ** (2.25 / 12), rel=0.03)
    assert json.loads(Path(result.record).read_bytes())["prosody"] == metadata["measured_voice"]["prosody"]
    banners = [frame.to_ndarray(format="gray")[-40:] for _, _, frame in decode(probe(Path(result.annotated_video)))]
    bright = [int((banner > 200).sum()) for banner in banners]
    assert min(bright[32:72]) > max(bright[:28]) + 5, "the label is shown from 1 to 2.5 s"


@pytest.mark.parametrize(
    "options",
    [
        {"frames": 1},
        {"sound": None},
        {"frames": 8, "ticks": [0, 17, 18, 240, 241, 900, 1400, 1401], "clock": Fraction(1, 1000)},
        {"rotation": -90},
        {"size": (97, 65), "pixels": "yuv444p"},
    ],
    ids=["one frame", "no sound", "variable rate", "rotated", "odd size"],
)
def test_unusual_videos_are_processed(options: dict[str, Any], tmp_path: Path) -> None:
    video = make_video(tmp_path / "odd.mkv" if "rotation" not in options else tmp_path / "odd.mp4", **options)
    result = run(str(video), tmp_path, patient="ana", transcriber="pocketsphinx").result()
    assert result.emotion == "neutral"
    assert result.transcription == ""
    times, original = ([time for _, time, _ in decode(probe(path))] for path in (Path(result.annotated_video), video))
    assert times == pytest.approx(original, abs=1e-4)


@pytest.mark.parametrize("content", [b"", b"Dear diary. " * 99], ids=["empty", "text"])
def test_invalid_file_fails_with_its_name_and_leaves_no_files(content: bytes, tmp_path: Path) -> None:
    video = tmp_path / "videos" / "ana" / "visit.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(content)
    state = run(str(video), tmp_path, transcriber="pocketsphinx")
    assert state.is_failed()
    with pytest.raises(InvalidMedia, match=r"visit\.mp4: "):
        state.result()
    assert tree(tmp_path) == {"videos/ana/visit.mp4": content}


def test_patient_is_required_unless_the_key_contains_it(short_clip: Path, transcript: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidName, match="--patient"):
        run(str(short_clip), tmp_path, transcript=transcript).result()
    assert run(str(short_clip), tmp_path, transcript=transcript, patient="ana").result().patient == "ana"


def test_blur_faces_applies_to_the_stored_frames(transcript: str, tmp_path: Path) -> None:
    clip = build_clip(tmp_path / "visit.mp4", None, seconds=0.1, size=(480, 360))
    plain = run(str(clip), tmp_path / "plain", patient="ana", transcript=transcript).result()
    blurred = run(str(clip), tmp_path / "blurred", patient="ana", transcript=transcript, blur_faces=True).result()
    name = "frame_001_at_pos_0.jpg"
    face, flat = (_face_detail(Path(result.frames) / name, Path(result.poses)) for result in (plain, blurred))
    assert flat < face / 3, "the detail of the face is gone"


def _face_detail(image: Path, poses: Path) -> float:
    """Return the detail around the nose, as the variance of the Laplacian."""
    import cv2

    points = read_openpose((poses / image.name.replace("frame_", "pose_").replace(".jpg", ".json")).read_bytes())
    assert points is not None
    x, y = points[0, :2].astype(int)
    grey = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)[y - 20 : y + 20, x - 20 : x + 20]
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def test_video_is_processed_from_s3_to_s3(short_clip: Path, transcript: str, s3_bucket: Any) -> None:
    client, name = s3_bucket.client.client, s3_bucket.bucket
    client.upload_file(str(short_clip), name, "videos/ana/visit.mp4")
    result = process_video(
        f"s3://{name}/videos/ana/visit.mp4",
        video_bucket=f"s3://{name}/videos",
        patients_bucket=f"s3://{name}/patients",
        transcript=transcript,
        names=["John"],
    )
    keys = {item["Key"] for item in client.list_objects_v2(Bucket=name)["Contents"]}
    assert {"videos/annotated/ana/visit.mp4", "patients/ana/happiness/pose_000012.json"} <= keys
    assert result.annotated_video == f"s3://{name}/videos/annotated/ana/visit.mp4"

    assert export_openpose("ana/visit", f"s3://{name}/poses", patients_bucket=f"s3://{name}/patients").files > 5


KILL_POINTS = {
    "before the poses": ("tasks.pose:pose", "track_video"),
    "before the annotated video": ("tasks.media:media", "annotate"),
    "before storing": ("tasks.sessions:SessionStore", "save"),
    "while storing": ("tasks.sessions:SessionStore", "_roll_forward"),
}
# The processes fork after the shared imports.
KILL_SCRIPT = """
import json, os, pkgutil, signal, sys
import tasks.media, tasks.pose, tasks.sessions
from flows.process_video import process_video

def kill(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

for folder, (owner, call) in json.loads(sys.argv[2]).items():
    child = os.fork()
    if not child:
        setattr(pkgutil.resolve_name(owner), call, kill)
        process_video(
            f"{folder}/videos/ana/visit.mp4", transcript=sys.argv[1],
            video_bucket=f"{folder}/videos", patients_bucket=f"{folder}/patients", names=["John"],
        )
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, call
"""


@pytest.fixture(scope="module")
def killed(short_clip: Path, transcript: str, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for every entry of KILL_POINTS, with the files of a run that was killed there."""
    folder = tmp_path_factory.mktemp("killed")
    for kill_point in KILL_POINTS:
        copy_to_bucket(short_clip, folder / kill_point)
    kill_points = json.dumps({str(folder / kill_point): target for kill_point, target in KILL_POINTS.items()})
    process = subprocess.run(
        [sys.executable, "-c", KILL_SCRIPT, transcript, kill_points],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(folder), "PREFECT_API_URL": prefect_server},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return folder


@pytest.fixture(scope="module")
def completed(short_clip: Path, transcript: str, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("completed")
    assert run(copy_to_bucket(short_clip, folder), folder, transcript=transcript).is_completed()
    return folder


@pytest.mark.parametrize("kill_point", KILL_POINTS)
def test_run_completes_after_an_earlier_one_was_killed(
    kill_point: str, transcript: str, killed: Path, completed: Path
) -> None:
    folder = killed / kill_point
    assert not list(folder.rglob("visit_metadata.json")), "no session looks complete"
    assert run(str(folder / "videos/ana/visit.mp4"), folder, transcript=transcript).is_completed()
    after, expected = tree(folder), tree(completed)
    assert set(after) == set(expected), "no duplicate, no missing and no partial file"
    # Excluded: the video, because x264 is not deterministic, and files with the time of processing.
    same = [name for name in after if name.endswith((".jpg", ".parquet")) or "/pose_" in name]
    assert len(same) > 30
    assert [name for name in same if after[name] != expected[name]] == []
    annotated = probe(folder / "videos/annotated/ana/visit.mp4")
    assert len(list(decode(annotated))) == 30


def test_tracking_that_fails_before_it_starts_ends_the_run(
    short_clip: Path, transcript: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The annotation waits for the tracker's samples: without an end of the series, the run would never finish."""

    def fail(*_: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr("tasks.pose.select_moments", fail)
    state = run(str(short_clip), tmp_path, patient="ana", transcript=transcript)
    assert state.is_failed()
    with pytest.raises(OSError, match="no memory"):
        state.result()


def test_transcript_is_reused_by_the_next_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = build_clip(tmp_path / "visit.mp4", SPEECH, seconds=5, size=(320, 240))

    def broken(*_: object, **__: object) -> None:
        raise OSError("power failure")

    with monkeypatch.context() as patch:
        patch.setattr("sightline.pose.track_video", broken)
        assert run(str(video), tmp_path, patient="ana", transcriber="pocketsphinx").is_failed()
    monkeypatch.setattr("sightline.speech.pocketsphinx_engine.PocketsphinxTranscriber.transcribe", broken)
    result = run(str(video), tmp_path, patient="ana", transcriber="pocketsphinx").result()
    assert "happy" in result.transcription


def test_processing_creates_artifacts_and_emits_an_event(
    short_clip: Path, transcript: str, prefect_server: str, tmp_path: Path
) -> None:
    state = run(str(short_clip), tmp_path, patient="ana", transcript=transcript)
    assert state.is_completed()
    flow_run_id = str(state.state_details.flow_run_id)

    artifacts = _query(prefect_server, "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}})
    shown = {artifact["key"]: artifact for artifact in artifacts}
    assert {"progress-extract-poses", "progress-annotate-video", "session"} <= set(shown)
    assert json.loads(str(shown["progress-annotate-video"]["data"])) == 100
    assert "| 0.0-1.0 | happy |" in shown["session"]["data"]

    deadline = time.monotonic() + 30
    query = {"filter": {"event": {"name": ["sightline.video.processed"]}}}
    while True:  # events reach the server's database with a delay
        events = _query(prefect_server, "events/filter", query)["events"]
        from_run = [
            event
            for event in events
            if any(flow_run_id in resource["prefect.resource.id"] for resource in event["related"])
        ]
        if from_run or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    [event] = from_run
    assert (event["payload"]["patient"], event["payload"]["emotion"], event["payload"]["poses"]) == ("ana", "happy", 13)


def _query(server: str, path: str, query: dict[str, Any]) -> Any:
    response = httpx.post(f"{server}/{path}", json=query)
    response.raise_for_status()
    return response.json()


@needs_voices
def test_speakers_are_told_apart_and_attributed(
    tmp_path: Path, shared_data: Callable[[str], Path], load_sound: Callable[[Path], Samples]
) -> None:
    samples, turns = read_dialogue(shared_data("speech/jfk.flac"), load_sound)
    words = ("How are you today, Ana?", "I am sad.", "I am happy.", "Yes.")
    cues = [f"00:{turn.start:06.3f} --> 00:{turn.end:06.3f}\n{text}\n" for turn, text in zip(turns, words, strict=True)]
    (tmp_path / "words.vtt").write_text("\n".join(["WEBVTT\n", *cues]))
    sound = np.interp(np.arange(len(samples) * 3) / 3, np.arange(len(samples)), samples)
    video = make_video(tmp_path / "talk.mp4", frames=50, rate=2, sound="aac", samples=sound)
    source = copy_to_bucket(video, tmp_path, "ana/talk.mp4")
    options = {"transcript": str(tmp_path / "words.vtt"), "pose_fps": 0.5}

    refused = run(source, tmp_path, **options, speakers=True, patient_voice=3)
    assert "it has no voice 3" in str(refused.message)
    result = run(source, tmp_path, **options, speakers=True).result()

    metadata = json.loads(Path(result.metadata_file).read_text())
    assert [segment["speaker"] for segment in metadata["segments"]] == [1, 2, 1, 2]
    assert metadata["attribution"]["voice"]["how"] == "addressed"
    assert [(one["text"], one["about"], one["speaker"]) for one in metadata["annotations"]] == [
        ("I am sad.", "patient", 2),
        ("I am happy.", "other", 1),
    ]
    assert result.emotion == "sad"
    assert "tell speakers apart" in metadata["timings"]
    record = json.loads(Path(result.record).read_text())
    assert [len(voice["embedding"]) for voice in record["voices"]["heard"]] == [192, 192]
