"""Answers change stored sessions: completely, repeatably, and without processing anything again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sightline import documents, storage
from sightline.emotion import PatientNames, find_emotions_in
from sightline.errors import InvalidInput, StorageError
from sightline.features import valid_seconds
from sightline.pose import Identity, PeopleTrack, read_openpose_people
from sightline.sessions import (
    NamesUsed,
    SessionRecord,
    SessionStore,
    StoredSession,
    open_session,
    read_metadata,
    read_sessions,
    set_identity,
    set_statements,
    track_of,
)
from sightline.sessions.plan import Plan
from tests.crowds import PATIENT, crowd_track, store_crowd, undecided


def decided(identity: Identity, person: int | None) -> Identity:
    return identity.model_copy(update={"person": person, "how": "answered", "certainty": 1.0, "why": "answered by Kim"})


@pytest.fixture
def stored(store: SessionStore, tmp_path: Path) -> StoredSession:
    """A session with two people, of whom it is not known who is the patient."""
    return store_crowd(store, tmp_path / "outputs")


@pytest.fixture
def record(store: SessionStore, stored: StoredSession) -> SessionRecord:
    [record] = read_sessions(store.patients_bucket, PATIENT)
    return record


def pictures(stored: StoredSession) -> list[str]:
    return storage.file_names(storage.locate(stored.frames) / "people")


class TestUndecided:
    def test_record_and_metadata_state_that_nobody_is_known_to_be_the_patient(
        self, record: SessionRecord, stored: StoredSession
    ) -> None:
        assert record.identity == stored.metadata.identity == undecided(9, 8)
        assert (record.person, stored.metadata.person) == (None, None)
        assert record.unusable == "it has no known patient: two people are about equally likely"
        assert record.frames_with_person == crowd_track("happy").frames_with(), "of anyone"

    def test_pictures_of_the_people_are_stored_beside_the_frames(self, stored: StoredSession) -> None:
        assert stored.people == f"{stored.frames}/people"
        assert pictures(stored) == ["person_1.jpg", "person_2.jpg"]
        assert storage.file_names(storage.locate(stored.frames)) == [], "they are no frames"

    def test_pictures_of_a_decided_identity_are_refused(self, store: SessionStore, tmp_path: Path) -> None:
        stored = store_crowd(store, tmp_path / "decided", name="other", identity=decided(undecided(9, 8), 2))
        assert (stored.people, pictures(stored)) == (None, [])

    def test_poses_have_everyone_by_number(self, stored: StoredSession) -> None:
        folder = storage.locate(stored.poses)
        people = read_openpose_people(storage.read_bytes(folder / storage.file_names(folder)[0]))
        assert [number for number, _ in people] == [1, 2]

    def test_poses_of_a_known_patient_have_the_patient_first(self, store: SessionStore, tmp_path: Path) -> None:
        stored = store_crowd(store, tmp_path / "decided", name="other", identity=decided(undecided(9, 8), 2))
        numbered = storage.locate(stored.pose_folder) / "pose_000000.json"
        assert [number for number, _ in read_openpose_people(storage.read_bytes(numbered))] == [2, 1]


class TestIdentities:
    @pytest.mark.parametrize("person", [1, 2])
    def test_answer_changes_record_and_metadata_only(
        self, store: SessionStore, record: SessionRecord, stored: StoredSession, person: int
    ) -> None:
        track = storage.read_bytes(track_of(store.patients_bucket, record))
        identity = decided(undecided(9, 8), person)
        changed = set_identity(store, record, identity)
        assert changed == open_session(store.patients_bucket, f"{PATIENT}/visit")[0]
        assert (changed.person, changed.unusable) == (person, None)
        poses = PeopleTrack.from_parquet(io.BytesIO(track))
        assert changed.frames_with_person == len(poses.of(person).frames)
        metadata = read_metadata(store, record)
        assert metadata is not None
        assert (metadata.identity, metadata.frames_with_person) == (identity, changed.frames_with_person)
        assert changed.valid_seconds == metadata.valid_seconds == valid_seconds(poses.of(person))
        same = {"identity", "frames_with_person", "valid_seconds"}
        assert metadata.model_dump(exclude=same) == stored.metadata.model_dump(exclude=same)
        assert storage.read_bytes(track_of(store.patients_bucket, record)) == track
        assert pictures(stored) == [], "strangers are not shown for longer than needed"

    def test_answer_is_applied_once(self, store: SessionStore, record: SessionRecord) -> None:
        identity = decided(undecided(9, 8), 2)
        changed = set_identity(store, record, identity)
        location = storage.locate(f"{storage.uri_of(store.patients_bucket)}/{PATIENT}/{record.folder}/.sessions")
        before = storage.stored(location / "visit_session.json")
        assert set_identity(store, changed, identity) == changed
        assert set_identity(store, record, identity) == changed, "by a process that read the record before"
        assert storage.stored(location / "visit_session.json") == before

    def test_patient_who_is_not_in_the_picture_has_no_frames(self, store: SessionStore, record: SessionRecord) -> None:
        changed = set_identity(store, record, decided(undecided(9, 8), None))
        assert (changed.person, changed.frames_with_person) == (None, 0)
        assert changed.unusable == "it has no known patient: answered by Kim"

    def test_withdrawn_answer_counts_everyone_again(self, store: SessionStore, record: SessionRecord) -> None:
        changed = set_identity(store, record, decided(undecided(9, 8), 2))
        again = set_identity(store, changed, undecided(9, 8))
        assert again.frames_with_person == record.frames_with_person

    def test_person_who_is_not_in_the_track_is_refused_without_a_change(
        self, store: SessionStore, record: SessionRecord
    ) -> None:
        with pytest.raises(InvalidInput, match="has no person 3"):
            set_identity(store, record, decided(undecided(9, 8, 1), 3))
        assert read_sessions(store.patients_bucket, PATIENT) == [record]

    def test_change_that_was_interrupted_is_completed(
        self, store: SessionStore, record: SessionRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, identity = documents.change, decided(undecided(9, 8), 2)

        def fail_on_record(location: object, model: type, update: object) -> object:
            if model is SessionRecord:
                raise StorageError("killed")
            return change(location, model, update)  # type: ignore[arg-type, call-overload]

        with monkeypatch.context() as patch:
            patch.setattr(documents, "change", fail_on_record)
            with pytest.raises(StorageError, match="killed"):
                set_identity(store, record, identity)
        assert read_sessions(store.patients_bucket, PATIENT) == [record], "the record is changed last"
        assert set_identity(store, record, identity).person == 2

    def test_late_process_that_completes_the_plan_keeps_the_answer(
        self, store: SessionStore, record: SessionRecord, stored: StoredSession
    ) -> None:
        changed = set_identity(store, record, decided(undecided(9, 8), 2))
        claim = store.claim(PATIENT, "visit", stored.sha256)
        layout = store._layout(claim)
        plan = documents.read(layout.plan, Plan)
        assert plan is not None
        store._roll_forward(layout, plan.model_copy(update={"people": ()}))
        assert read_sessions(store.patients_bucket, PATIENT) == [changed]
        assert store.outputs(claim).metadata.identity == changed.identity

    def test_session_in_another_video_bucket_changes_in_its_record(
        self, store: SessionStore, record: SessionRecord, tmp_path: Path
    ) -> None:
        elsewhere = SessionStore(tmp_path / "elsewhere", store.patients_bucket)
        assert set_identity(elsewhere, record, decided(undecided(9, 8), 2)).person == 2
        assert read_metadata(elsewhere, record) is None


def test_plan_of_an_earlier_version_is_completed(store: SessionStore, stored: StoredSession) -> None:
    claim = store.claim(PATIENT, "visit", stored.sha256)
    plan = store._layout(claim).plan
    content = json.loads(storage.read_bytes(plan))
    del content["people"]
    for field in ("identity", "attribution", "names"):
        del content["metadata"][field]
    storage.write_bytes(plan, json.dumps(content).encode())
    storage.remove(storage.locate(stored.metadata_file))
    storage.remove(storage.locate(stored.record))
    for file in (stored.annotated_video, stored.track):  # staged again, as before the interruption
        staged = "annotated.mp4" if file.endswith(".mp4") else "track.parquet"
        storage.write_bytes(
            store._layout(claim).staging / content["attempt"] / staged, storage.read_bytes(storage.locate(file))
        )
    completed = store.complete(claim)
    assert (completed.metadata.identity, completed.metadata.person, completed.people) == (None, 1, None)
    [record] = read_sessions(store.patients_bucket, PATIENT)
    assert (record.identity, record.person, record.unusable) == (None, 1, None)


class TestStatements:
    SAID = ("Anna is happy.", "Ben is sad.", "Ben is sad again.")

    def test_new_names_change_the_emotion_everywhere_and_the_folder_stays(
        self, store: SessionStore, tmp_path: Path
    ) -> None:
        stored = store_crowd(store, tmp_path / "outputs", said=self.SAID)
        [record] = read_sessions(store.patients_bucket, PATIENT)
        assert stored.metadata.attribution is not None
        assert stored.metadata.attribution.how == "undecided"
        known = PatientNames(theirs=("Anna",))
        findings = find_emotions_in(stored.metadata.segments, stored.metadata.duration_seconds, names=known)
        changed = set_statements(store, record, findings, NamesUsed(known=known))
        assert (changed.emotion, changed.folder) == ("happy", record.folder)
        again = store.outputs(store.claim(PATIENT, "visit", stored.sha256))
        assert (again.emotion, again.metadata.timeline) == ("happy", findings.timeline)
        assert again.metadata.annotations == findings.annotations
        assert b",happy," in storage.read_bytes(storage.locate(again.csv))
        assert set_statements(store, changed, findings, NamesUsed(known=known)) == changed
