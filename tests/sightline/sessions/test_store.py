"""Results are stored once, completely, and under the original system's names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sightline import storage
from sightline.pose import PeopleTrack, Track, read_openpose
from sightline.sessions import (
    Claim,
    PoseIndices,
    SessionOutputs,
    SessionStore,
    read_sessions,
    track_of,
)
from sightline.storage import Location

Tree = Callable[[Location], dict[str, bytes]]
ResultsOf = Callable[[dict[str, bytes]], set[str]]
POSES = ["pose_000_at_0.00s_john_happy.json", "pose_001_at_1.50s_john_happy.json"]
FRAMES = ["frame_000_at_0.00s_john_happy.jpg", "frame_001_at_1.50s_john_happy.jpg"]


class TestOutputs:
    def test_output_tree_is_the_original_systems(
        self,
        bucket: Location,
        store: SessionStore,
        claim: Claim,
        outputs: SessionOutputs,
        tree: Tree,
        results_of: ResultsOf,
    ) -> None:
        store.save(claim, outputs)
        assert results_of(tree(bucket)) == {
            "videos/annotated/José/clip.mp4",
            "videos/annotated/José/clip_metadata.json",
            "videos/annotated/José/clip_analysis.csv",
            "videos/annotated/José/highlights/clip.mp4",
            *(f"videos/annotated/José/frames/clip/{name}" for name in FRAMES),
            *(f"videos/annotated/José/poses/clip/{name}" for name in POSES),
            "patients/José/happiness/pose_000000.json",
            "patients/José/happiness/pose_000001.json",
            "patients/José/happiness/.sessions/clip_session.json",
            "patients/José/happiness/.sessions/clip_track.parquet",
        }

    def test_stored_session_has_the_uris_of_its_files(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        stored = store.save(claim, outputs)
        assert stored == store.outputs(claim)
        for uri, file in (
            (stored.annotated_video, outputs.annotated),
            (stored.highlights, outputs.highlights),
            (stored.track, outputs.track),
            (f"{stored.frames}/{FRAMES[1]}", outputs.frames[1]),
        ):
            assert uri
            assert file
            assert storage.read_bytes(storage.locate(uri)) == file.read_bytes()
        assert json.loads(storage.read_bytes(storage.locate(stored.metadata_file)))["session"] == "clip"
        assert storage.read_bytes(storage.locate(stored.csv)).startswith(b"video_path,")
        assert stored.pose_indices == PoseIndices(start=0, end=1, count=2)
        assert stored.metadata == outputs.metadata

    def test_poses_are_stored_numbered_and_beside_the_frames(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        stored = store.save(claim, outputs)
        for index, (name, people) in enumerate(outputs.poses):
            numbered = storage.read_bytes(storage.locate(f"{stored.pose_folder}/pose_{index:06d}.json"))
            assert numbered == storage.read_bytes(storage.locate(f"{stored.poses}/{name}"))
            np.testing.assert_allclose(read_openpose(numbered), people[1], atol=1e-3)

    def test_record_has_the_original_keys_and_the_training_data(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        stored = store.save(claim, outputs)
        written = json.loads(storage.read_bytes(storage.locate(stored.record)))
        assert list(written)[:4] == ["video_file", "processing_time", "emotion", "pose_indices"]
        assert written["pose_indices"] == {"start": 0, "end": 1, "count": 2}
        assert written["processing_time"] == "2026-01-02T03:04:05Z"
        [record] = read_sessions(store.patients_bucket, claim.patient)
        assert (record.session, record.sha256, record.folder) == ("clip", claim.sha256, "happiness")
        assert (record.frames_tracked, record.frames_with_person, record.duration_seconds) == (125, 120, 12.5)
        assert storage.uri_of(track_of(store.patients_bucket, record)) == stored.track
        poses = [storage.locate(f"{stored.pose_folder}/pose_{index:06d}.json") for index in range(2)]
        assert record.pose_bytes == sum(len(storage.read_bytes(pose)) for pose in poses)

    def test_track_is_read_back(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs, tmp_path: Path
    ) -> None:
        keypoints = np.arange(2 * 75, dtype=np.float32).reshape(2, 25, 3)
        track = Track(np.array([0, 3]), np.array([0.0, 0.1]), keypoints, size=(640, 480), fps=10.0)
        PeopleTrack.of_one(track).to_parquet(tmp_path / "new.parquet")
        store.save(claim, replace(outputs, track=tmp_path / "new.parquet"))
        [record] = read_sessions(store.patients_bucket, claim.patient)
        read = PeopleTrack.from_parquet(storage.fetch(track_of(store.patients_bucket, record), tmp_path))
        np.testing.assert_array_equal(read.keypoints, keypoints)
        np.testing.assert_array_equal(read.times, track.times)

    def test_session_without_highlights_has_no_uri_of_them(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        assert store.save(claim, replace(outputs, highlights=None)).highlights is None

    def test_neutral_session_is_stored_like_any_other(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        neutral = outputs.metadata.model_copy(update={"emotion": "neutral"})
        stored = store.save(claim, replace(outputs, metadata=neutral, folder="neutral"))
        assert stored.pose_indices.count == 2
        assert stored.pose_folder.endswith("/neutral")
        assert [record.emotion for record in read_sessions(store.patients_bucket, claim.patient)] == ["neutral"]

    def test_session_without_poses_has_a_record_and_no_numbers(self, store: SessionStore, storing: ModuleType) -> None:
        empty = storing.process(store, "nobody there", poses=0)
        assert empty.pose_indices == PoseIndices(start=None, end=None, count=0)
        assert storing.process(store, "somebody", stem="other").pose_indices.start == 0
        assert len(read_sessions(store.patients_bucket, storing.PATIENT)) == 2

    def test_pose_numbers_of_a_patients_sessions_are_consecutive(
        self, store: SessionStore, storing: ModuleType
    ) -> None:
        stored = [storing.process(store, f"content {i}", stem=f"clip {i}", poses=i) for i in (1, 3, 2)]
        assert [(s.pose_indices.start, s.pose_indices.end) for s in stored] == [(0, 0), (1, 3), (4, 5)]

    def test_emotions_have_separate_pose_numbers(self, store: SessionStore, storing: ModuleType) -> None:
        storing.process(store, "one")
        assert storing.process(store, "two", emotion_folder="sadness").pose_indices.start == 0

    def test_second_video_of_the_same_name_replaces_nothing(
        self, bucket: Location, store: SessionStore, storing: ModuleType, tree: Tree, results_of: ResultsOf
    ) -> None:
        storing.process(store, "one")
        before = tree(bucket)
        storing.process(store, "other")
        after = tree(bucket)
        assert {key: after[key] for key in before} == before
        assert len(results_of(after)) == 2 * len(results_of(before))

    def test_video_named_like_other_highlights_does_not_replace_them(
        self, bucket: Location, store: SessionStore, storing: ModuleType, tree: Tree
    ) -> None:
        storing.process(store, "one", stem="clip")
        before = tree(bucket)
        storing.process(store, "other", stem="clip_highlights")
        assert before.items() <= tree(bucket).items()


class TestRepeatedContent:
    def test_repeated_content_changes_nothing_and_is_finished(
        self, bucket: Location, store: SessionStore, storing: ModuleType, tree: Tree
    ) -> None:
        stored = storing.process(store, "content")
        before, times = tree(bucket), modified(bucket)
        claim = store.claim(storing.PATIENT, "the same under another name", storing.sha256_of("content"))
        assert store.status(claim) == "finished"
        assert store.outputs(claim) == store.complete(claim) == stored
        assert tree(bucket) == before
        assert modified(bucket) == times

    def test_repeated_claim_removes_files_that_a_late_run_staged(
        self, store: SessionStore, storing: ModuleType, tree: Tree
    ) -> None:
        sha256 = storing.process(store, "content").sha256
        before = tree(store.video_bucket)
        staging = store.video_bucket / "annotated" / storing.PATIENT / ".sessions" / sha256
        storage.write_bytes(staging / "late" / "annotated.mp4", b"of a run that came too late")
        store.claim(storing.PATIENT, "clip", sha256)
        assert tree(store.video_bucket) == before

    def test_second_result_for_a_content_is_discarded(
        self, bucket: Location, store: SessionStore, storing: ModuleType, tmp_path: Path, tree: Tree
    ) -> None:
        stored = storing.process(store, "content")
        before = tree(bucket)
        claim = store.claim(storing.PATIENT, "clip", storing.sha256_of("content"))
        again = storing.outputs_of(claim, tmp_path / "again", label="again", poses=1, emotion_folder="sadness")
        assert store.save(claim, again) == stored
        assert tree(bucket) == before


def modified(bucket: Location) -> dict[str, Any]:
    """Return the time of the last change of every file and folder."""
    if isinstance(bucket, Path):
        return {str(path): path.stat().st_mtime_ns for path in bucket.rglob("*")}
    listed = bucket.client.client.list_objects_v2(Bucket=bucket.bucket)["Contents"]
    return {item["Key"]: item["LastModified"] for item in listed}
