"""After any failure, nothing is overwritten, nothing partial is visible, and no number changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sightline import storage
from sightline.errors import InvalidName, StorageError
from sightline.sessions import (
    Claim,
    SessionOutputs,
    SessionStore,
    StoredSession,
    read_sessions,
)
from sightline.storage import Location

Tree = Callable[[Location], dict[str, bytes]]
ResultsOf = Callable[[dict[str, bytes]], set[str]]


class TestFailures:
    def test_failed_upload_leaves_no_result_and_no_number(
        self,
        store: SessionStore,
        storing: ModuleType,
        tree: Tree,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = storage.write_file

        def fails(location: Location, source: Path) -> None:
            if location.name.startswith("frame_001"):
                raise StorageError(f"{location}: the disk is full")
            real(location, source)

        with monkeypatch.context() as patch:
            patch.setattr(storage, "write_file", fails)
            with pytest.raises(StorageError, match="disk is full"):
                storing.process(store, "content")
        remaining = tree(store.video_bucket)
        assert not [key for key in remaining if not key.endswith(".json") or "/.sessions/" not in key]
        assert tree(store.patients_bucket) == {}
        assert storing.process(store, "other", stem="other").pose_indices.start == 0
        assert storing.process(store, "content").pose_indices.start == 2

    def test_pose_that_cannot_be_written_keeps_its_number(
        self, store: SessionStore, storing: ModuleType, tree: Tree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = storage.create

        def fails(location: Location, data: bytes) -> bool:
            if location.name == "pose_000000.json":
                raise StorageError(f"{location}: access denied")
            return real(location, data)

        with monkeypatch.context() as patch:
            patch.setattr(storage, "create", fails)
            with pytest.raises(StorageError, match="access denied"):
                storing.process(store, "content")
        assert read_sessions(store.patients_bucket, storing.PATIENT) == []
        assert storing.process(store, "other", stem="other").pose_indices.start == 2
        assert storing.process(store, "content").pose_indices.start == 0
        poses = [key for key in tree(store.patients_bucket) if "/pose_" in key]
        assert sorted(poses) == [f"José/happiness/pose_{i:06d}.json" for i in range(4)]

    def test_failed_listing_stops_the_run_before_any_result(
        self,
        bucket: Location,
        store: SessionStore,
        storing: ModuleType,
        tree: Tree,
        results_of: ResultsOf,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        storing.process(store, "one")
        before = tree(bucket)
        real = storage.file_names

        def fails(folder: Location) -> list[str]:
            if folder.name in ("happiness", ".ranges"):
                raise StorageError(f"{folder}: cannot be listed")
            return real(folder)

        with monkeypatch.context() as patch:
            patch.setattr(storage, "file_names", fails)
            with pytest.raises(StorageError, match="cannot be listed"):
                storing.process(store, "two", stem="two")
        assert results_of(tree(bucket)) == results_of(before)
        assert storing.process(store, "two", stem="two").pose_indices.start == 2
        assert before.items() <= tree(bucket).items()

    def test_unknown_pose_file_is_not_overwritten(self, store: SessionStore, storing: ModuleType) -> None:
        storing.process(store, "one")
        unknown = store.patients_bucket / storing.PATIENT / "happiness" / "pose_000003.json"
        storage.write_bytes(unknown, b"not ours")
        with pytest.raises(StorageError, match=r"pose_000003\.json.*Move it away"):
            storing.process(store, "two", stem="two")
        assert storage.read_bytes(unknown) == b"not ours"

    def test_pose_files_of_an_older_system_are_kept(self, store: SessionStore, storing: ModuleType, tree: Tree) -> None:
        folder = store.patients_bucket / storing.PATIENT / "happiness"
        for index in range(3):
            storage.write_bytes(folder / f"pose_{index:06d}.json", b"old")
        assert storing.process(store, "content").pose_indices.start == 3
        assert [tree(folder)[f"pose_{index:06d}.json"] for index in range(3)] == [b"old"] * 3

    def test_session_in_another_patients_bucket_raises_with_the_reason(
        self, store: SessionStore, storing: ModuleType
    ) -> None:
        storing.process(store, "content")
        elsewhere = SessionStore(store.video_bucket, store.patients_bucket.parent / "elsewhere")
        with pytest.raises(StorageError, match="another patients bucket"):
            storing.process(elsewhere, "content")

    def test_unfinished_session_has_no_outputs(self, store: SessionStore, claim: Claim) -> None:
        assert store.status(claim) == "new"
        with pytest.raises(StorageError, match="not finished"):
            store.outputs(claim)
        with pytest.raises(StorageError, match="Process it again"):
            store.complete(claim)

    def test_missing_staged_files_raise_with_the_fix(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(storage, "move", lambda *_: (_ for _ in ()).throw(StorageError("stopped here")))
            with pytest.raises(StorageError, match="stopped here"):
                store.save(claim, outputs)
        assert store.status(claim) == "planned"
        storage.remove_folder(store.video_bucket / "annotated" / claim.patient / ".sessions" / claim.sha256)
        with pytest.raises(StorageError, match=r"Remove .*\.plan\.json and process the video again"):
            store.complete(claim)


class TestContradictions:
    @pytest.mark.parametrize(
        "change",
        [{"session": "other"}, {"content_hash": "0" * 64}, {"frames_extracted": 3}, {"poses_extracted": 0}],
    )
    def test_contradicting_metadata_is_rejected(
        self, bucket: Location, store: SessionStore, claim: Claim, outputs: SessionOutputs, change: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match="metadata"):
            store.save(claim, replace(outputs, metadata=outputs.metadata.model_copy(update=change)))
        assert store.status(claim) == "new"

    @pytest.mark.parametrize("names", [["same.json", "same.json"], ["a/b.json", "c.json"], ["..", "c.json"]])
    def test_repeated_or_unsafe_file_names_are_rejected(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs, names: list[str]
    ) -> None:
        poses = tuple((name, keypoints) for name, (_, keypoints) in zip(names, outputs.poses, strict=True))
        with pytest.raises(ValueError, match="file names"):
            store.save(claim, replace(outputs, poses=poses))

    def test_folder_that_is_not_a_name_is_rejected(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs
    ) -> None:
        with pytest.raises(InvalidName, match="keyword table"):
            store.save(claim, replace(outputs, folder="../happiness"))


class TestConcurrentRuns:
    """Two runs on one content, both started before the other one created a plan."""

    def test_first_plan_is_used_and_the_other_result_is_discarded(
        self, bucket: Location, store: SessionStore, claim: Claim, storing: ModuleType, tmp_path: Path, tree: Tree
    ) -> None:
        options = ({"label": "one"}, {"label": "two", "frames": 1, "poses": 1, "emotion_folder": "sadness"})
        both = [storing.outputs_of(claim, tmp_path / str(i), **option) for i, option in enumerate(options)]
        both_new = threading.Barrier(2)

        class Synchronized(SessionStore):
            def _create_plan(self, layout: Any, outputs: SessionOutputs) -> None:
                both_new.wait()
                super()._create_plan(layout, outputs)

        synchronized = Synchronized(store.video_bucket, store.patients_bucket)
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda outputs: synchronized.save(claim, outputs), both)
        assert first == second
        label = first.metadata.parameters["label"]
        assert storage.read_bytes(storage.locate(first.annotated_video)).decode().endswith(f" {label}")
        assert len(storage.folder_names(store.patients_bucket / claim.patient)) == 1
        assert not [key for key in tree(bucket) if f"{claim.sha256}/" in key]

    def test_run_whose_staging_was_removed_follows_the_plan(
        self, store: SessionStore, claim: Claim, storing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        late = storing.outputs_of(claim, tmp_path / "late", label="late")
        real, stored = storage.write_file, list[StoredSession]()

        def finished_meanwhile(location: Location, source: Path) -> None:
            monkeypatch.setattr(storage, "write_file", real)
            stored.append(storing.process(store, "content"))
            raise FileNotFoundError(str(location))

        monkeypatch.setattr(storage, "write_file", finished_meanwhile)
        assert store.save(claim, late) == stored[0]
        assert stored[0].metadata.parameters["label"] == ""
