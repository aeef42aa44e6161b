"""Synthetic sessions are valid sessions, marked as synthetic, and vary with their arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import InvalidSetting
from sightline.media import probe
from sightline.pose import JOINTS, Track, read_openpose
from sightline.sessions import SessionStore, read_sessions, track_of
from sightline.storage import Location, file_names, locate
from sightline.training.emotions import EMOTIONS, synthetic_track, write_synthetic_sessions


def test_track_depends_on_all_arguments_and_nothing_else() -> None:
    def track(emotion: str = "happy", patient: str = "ana", number: int = 1, seed: int = 42) -> Track:
        return synthetic_track(emotion, patient, number, seed=seed)

    def alike(one: Track, other: Track) -> bool:
        return np.array_equal(one.keypoints, other.keypoints)

    assert alike(track(), track())
    for other in (track("sad"), track(patient="bob"), track(number=2), track(seed=43)):
        assert not alike(track(), other)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_zero_separation_makes_emotions_identical(emotion: str) -> None:
    one, other = (synthetic_track(emotion_name, "ana", 7, separation=0) for emotion_name in (emotion, "happy"))
    assert np.array_equal(one.keypoints, other.keypoints)


def test_happy_tracks_move_more_and_hold_the_head_higher() -> None:
    def moves(track: Track) -> float:
        torso = np.linalg.norm(track.keypoints[:, 1, :2] - track.keypoints[:, 8, :2], axis=1)[:-1]
        step = np.linalg.norm(np.diff(track.keypoints[:, 4, :2], axis=0), axis=1) / torso
        return float(np.median(step / np.diff(track.times)))

    happy, sad = (np.median([moves(synthetic_track(name, "ana", n)) for n in range(12)]) for name in ("happy", "sad"))
    assert happy > 2 * sad


def test_tracks_vary_in_camera_rate_length_and_occlusion() -> None:
    tracks = [synthetic_track("neutral", "ana", number) for number in range(40)]
    assert len({track.size for track in tracks}) == 3
    assert len({round(track.fps, 2) for track in tracks}) > 8
    lengths = [track.times[-1] for track in tracks]
    assert min(lengths) > 4
    assert max(lengths) > min(lengths) + 3
    knee, toe = JOINTS.index("left_knee"), JOINTS.index("left_small_toe")
    without_legs = [track for track in tracks if (track.keypoints[:, knee, 2] < 0.1).all()]
    assert 0 < len(without_legs) < 30
    assert all((track.keypoints[:, toe] == 0).all() for track in tracks), "the pose estimator does not provide it"
    lost = [(track.keypoints[:, :, 2] == 0).any(axis=0).sum() for track in tracks]
    assert max(lost) > 2, "some joints are occluded for a while"
    assert any((np.diff(track.frames) > np.diff(track.frames).min()).any() for track in tracks), (
        "no person is detected in some frames"
    )


def test_synthetic_sessions_are_stored_and_marked_as_synthetic(bucket: Location) -> None:
    store = SessionStore(bucket / "videos", bucket / "patients")
    written = write_synthetic_sessions(
        store.patients_bucket, "ana", video_bucket=store.video_bucket, emotions=("happy", "sad"), sessions_per_emotion=1
    )
    assert read_sessions(store.patients_bucket, "ana") == written
    assert [(record.session, record.emotion, record.folder) for record in written] == [
        ("synthetic-0001", "happy", "happiness"),
        ("synthetic-0002", "sad", "sadness"),
    ]
    first = written[0]
    assert first.engine == "synthetic"
    assert first.model == "separation 1, seed 42"
    assert first.video_file.startswith("synthetic://")
    assert first.pose_indices.count == 12
    assert first.frames_with_person <= first.frames_tracked

    claim = store.find("ana", first.sha256)
    assert claim is not None
    stored = store.outputs(claim)
    assert stored.metadata.emotion == "happy"
    poses = locate(stored.pose_folder)
    names = file_names(poses)
    assert len(names) == 12
    assert read_openpose((poses / names[0]).read_bytes()) is not None
    assert len(file_names(locate(stored.poses))) == 12
    content = track_of(store.patients_bucket, first).read_bytes()
    assert len(content) > 1000


def test_annotated_video_is_playable(tmp_path: Path) -> None:
    write_synthetic_sessions(tmp_path, "ana", video_bucket=tmp_path / "v", emotions=("sad",), sessions_per_emotion=1)
    video = tmp_path / "v" / "annotated" / "ana" / "synthetic-0001.mp4"
    assert probe(video).duration > 0


def test_writing_again_changes_nothing_and_can_add_sessions(tmp_path: Path) -> None:
    def write(first: int = 1) -> list[str]:
        written = write_synthetic_sessions(
            tmp_path, "ana", video_bucket=tmp_path / "v", emotions=("sad",), sessions_per_emotion=2, first=first,
            progress=shares.append,
        )  # fmt: skip
        return [record.session for record in written]

    shares: list[float] = []
    assert write() == write() == ["synthetic-0001", "synthetic-0002"]
    assert shares == [0.5, 1, 0.5, 1]
    assert len(read_sessions(tmp_path, "ana")) == 2
    assert write(first=3) == ["synthetic-0003", "synthetic-0004"]
    records = read_sessions(tmp_path, "ana")
    assert [record.pose_indices.start for record in records] == [0, 12, 24, 36]


def test_unknown_emotion_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"'bored'\. Choose from happy, sad"):
        write_synthetic_sessions(tmp_path, "ana", video_bucket=tmp_path, emotions=("bored",))
