"""A change of a finished session that is interrupted anywhere leaves a complete session, and is completed later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sightline import documents, storage
from sightline.leases import Leases, LeaseTaken
from sightline.sessions import Claim, Metadata, SessionStore, StoredSession, read_sessions, track_of
from sightline.sessions.ranges import pose_name
from sightline.storage import Location

FOLDERS = {"happy": "happiness", "angry": "anger", "neutral": "neutral"}
CHANGES = ("write_bytes", "write_file", "create", "swap", "copy", "remove", "remove_folder")
SECOND = {"label": "second", "poses": 3, "frames": 1, "highlights": False}


class Killed(BaseException):
    """The process ends here."""


def claim_of(store: SessionStore, storing: ModuleType) -> Claim:
    claim = store.find(storing.PATIENT, storing.sha256_of("content"))
    assert claim
    return claim


def correct(store: SessionStore, storing: ModuleType, folder: Path) -> StoredSession:
    at = datetime(2026, 3, 8, tzinfo=UTC)
    return store.correct(claim_of(store, storing), "angry", FOLDERS, by="Kim", at=at)


def process_again(store: SessionStore, storing: ModuleType, folder: Path, **options: Any) -> StoredSession:
    claim = claim_of(store, storing)
    return store.replace(claim, storing.outputs_of(claim, folder, **{**SECOND, **options}), FOLDERS)


def process_again_elsewhere(store: SessionStore, storing: ModuleType, folder: Path) -> StoredSession:
    return process_again(store, storing, folder, emotion_folder="joy")


REPLACEMENTS = ("replacement", "replacement elsewhere")
ACTIONS = {"correction": correct, "replacement": process_again, "replacement elsewhere": process_again_elsewhere}


def read_state(store: SessionStore, storing: ModuleType) -> tuple[str, str, str, str]:
    """Return label and emotion of metadata and record, as a reader finds them, after checking that all is there."""
    layout = store._layout(Claim(claim_of(store, storing).name, storing.sha256_of("content")))
    metadata = documents.read(layout.metadata, Metadata)
    assert metadata
    label = metadata.parameters["label"]
    files = layout.files(metadata.staged)
    assert storage.read_bytes(files.video).decode().endswith(str(label))
    names = storage.file_names(files.frames)
    assert len(names) == metadata.frames_extracted
    for name in names:
        assert storage.read_bytes(files.frames / name).decode().endswith(str(label))
    assert len(storage.file_names(files.poses)) == metadata.poses_extracted
    assert storage.exists(files.csv)
    [record] = read_sessions(store.patients_bucket, storing.PATIENT)
    track = storage.read_bytes(track_of(store.patients_bucket, record)).decode()
    folder = store.patients_bucket / storing.PATIENT / record.folder
    first = record.pose_indices.start or 0
    for number in range(first, first + record.pose_indices.count):
        assert storage.exists(folder / pose_name(number))
    return str(label), metadata.emotion, track.rpartition(" ")[2], record.emotion


@pytest.fixture
def leases_of_the_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of a killed process expires soon, and nothing releases it."""
    monkeypatch.setattr("sightline.sessions.pending._LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr("sightline.sessions.pending._PAUSE", 0.05)


def interrupted(action: Callable[[], object], moment: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Do it, and end at the change of that number; return whether there was such a change."""
    count = 0

    def limited(change: Callable[..., Any]) -> Callable[..., Any]:
        def call(location: Location, *arguments: Any) -> Any:
            nonlocal count
            if "leases" not in str(location):
                count += 1
                if count >= moment:  # Threads that were under way do not change anything either.
                    raise Killed
            return change(location, *arguments)

        return call

    with monkeypatch.context() as patch:
        for name in CHANGES:
            patch.setattr(storage, name, limited(getattr(storage, name)))
        patch.setattr(Leases, "release", lambda *_: None)
        try:
            action()
        except Killed:
            return True
    return False


@pytest.mark.usefixtures("leases_of_the_dead")
@pytest.mark.parametrize(
    "action", ["correction", *(pytest.param(name, marks=pytest.mark.soak) for name in REPLACEMENTS)]
)
@pytest.mark.parametrize("kind", ["folder", pytest.param("s3", marks=[pytest.mark.soak, pytest.mark.integration])])
def test_change_that_ends_anywhere_leaves_one_complete_session(
    kind: str, action: str, storing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    root = tmp_path / "bucket" if kind == "folder" else request.getfixturevalue("s3_bucket")
    change = ACTIONS[action]
    parts = set()
    for moment in range(1, 60):
        store = storing.store_in(root / str(moment))
        storing.process(store, "content", label="first")
        earlier = read_state(store, storing)
        killed = interrupted(lambda: change(store, storing, tmp_path / str(moment)), moment, monkeypatch)  # noqa: B023
        state = read_state(store, storing)
        looked_at = _looked_at(store, storing)
        change(store, storing, tmp_path / f"again {moment}")
        later = read_state(store, storing)
        assert earlier != later
        assert state[:2] in (earlier[:2], later[:2]), "the metadata"
        assert state[2:] in (earlier[2:], later[2:]), "the record"
        assert looked_at in (earlier, later)
        assert _remains(store, storing) == [], "nothing of the earlier session, and nothing half"
        parts.add((state[:2] == later[:2], state[2:] == later[2:]))
        if not killed:
            break
    assert not killed, "some moments were not reached"
    assert moment > 8
    assert parts == {(False, False), (False, True), (True, True)}


def _looked_at(store: SessionStore, storing: ModuleType) -> tuple[str, str, str, str]:
    """Return the state after a process has looked at the session, when the lease of the killed one has expired."""
    time.sleep(0.35)
    store.outputs(claim_of(store, storing))
    return read_state(store, storing)


def _remains(store: SessionStore, storing: ModuleType) -> list[str]:
    """Return what nothing refers to any more: staged files, pending changes, and tracks and poses without a record."""
    layout = store._layout(claim_of(store, storing))
    remains = [name for name in storage.file_names(layout.state) if name.endswith(".pending.json")]
    remains += [storage.uri_of(file.location) for file in storage.walk(layout.replacements)]
    [record] = read_sessions(store.patients_bucket, storing.PATIENT)
    first = record.pose_indices.start or 0
    kept = {f"{record.folder}/{pose_name(first + number)}" for number in range(record.pose_indices.count)}
    kept |= {f"{record.folder}/.sessions/{name}" for name in (record.track, f"{record.session}_session.json")}
    files = {str(storage.key_under(file.location, layout.training)) for file in storage.walk(layout.training)}
    return remains + sorted(file for file in files - kept if "/.ranges/" not in file)


class TestReplacement:
    def test_files_take_the_place_of_the_earlier_ones(
        self, store: SessionStore, storing: ModuleType, tmp_path: Path
    ) -> None:
        first = storing.process(store, "content", label="first")
        second = process_again_elsewhere(store, storing, tmp_path / "second")
        assert (second.session, second.annotated_video) == (first.session, first.annotated_video)
        assert first.highlights
        assert second.highlights is None
        assert not storage.exists(storage.locate(first.highlights))
        assert read_state(store, storing) == ("second", "happy", "second", "happy")
        assert second.pose_folder.endswith("joy")
        assert second.metadata.times_replaced == 1
        assert store.status(claim_of(store, storing)) == "finished"

    def test_corrections_are_kept(self, store: SessionStore, storing: ModuleType, tmp_path: Path) -> None:
        storing.process(store, "content", label="first")
        correct(store, storing, tmp_path)
        second = process_again(store, storing, tmp_path / "second")
        assert (second.emotion, second.metadata.spoken_emotion) == ("angry", "happy")
        assert second.pose_folder.endswith("anger")
        assert [correction.by for correction in second.metadata.corrections] == ["Kim"]

    def test_unfinished_session_is_stored(self, store: SessionStore, storing: ModuleType, tmp_path: Path) -> None:
        claim = store.claim(storing.PATIENT, "clip", storing.sha256_of("content"))
        stored = store.replace(claim, storing.outputs_of(claim, tmp_path / "new"), FOLDERS)
        assert stored.metadata.times_replaced == 0

    def test_session_of_an_earlier_version_is_replaced(
        self, store: SessionStore, storing: ModuleType, tmp_path: Path
    ) -> None:
        first = storing.process(store, "content", label="first")
        later = ("recorded", "source_version", "transcript_file", "corrections", "spoken_emotion", "generation")
        for file in (first.metadata_file, first.record):
            content = json.loads(storage.read_bytes(storage.locate(file)))
            for field in (*later, "times_replaced", *(("folder", "staged") if file == first.metadata_file else ())):
                content.pop(field, None)
            storage.write_bytes(storage.locate(file), json.dumps(content).encode())
        assert store.outputs(claim_of(store, storing)).metadata.generation == 0
        process_again(store, storing, tmp_path / "second")
        assert read_state(store, storing)[0] == "second"

    @pytest.mark.usefixtures("leases_of_the_dead")
    def test_two_changes_at_once_are_refused(self, store: SessionStore, storing: ModuleType, tmp_path: Path) -> None:
        storing.process(store, "content", label="first")
        layout = store._layout(claim_of(store, storing))
        held = Leases(layout.leases, timedelta(minutes=1), lambda: datetime.now(UTC)).hold(layout.sha256, "Lee's run")
        with held, pytest.raises(LeaseTaken, match="Lee's run has it"):
            correct(store, storing, tmp_path)
        assert correct(store, storing, tmp_path).emotion == "angry"
