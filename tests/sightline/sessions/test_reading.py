"""Only finished sessions are read."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import InvalidInput, StorageError
from sightline.sessions import (
    Claim,
    SessionOutputs,
    SessionStore,
    open_session,
    read_sessions,
)


class TestReading:
    def test_only_finished_sessions_are_read(
        self, store: SessionStore, claim: Claim, outputs: SessionOutputs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(storage, "move", lambda *_: (_ for _ in ()).throw(StorageError("stopped here")))
            with pytest.raises(StorageError, match="stopped here"):
                store.save(claim, outputs)
        assert read_sessions(store.patients_bucket, claim.patient) == []
        store.complete(claim)
        assert len(read_sessions(store.patients_bucket, claim.patient)) == 1

    def test_unknown_patient_has_no_sessions(self, store: SessionStore, claim: Claim) -> None:
        assert read_sessions(store.patients_bucket, "nobody") == []

    def test_record_of_the_original_system_is_left_out_and_logged(
        self, store: SessionStore, storing: ModuleType, caplog: pytest.LogCaptureFixture
    ) -> None:
        old = {"video_file": "a.mp4", "emotion": "happy", "pose_indices": {"start": 0, "end": 3, "count": 4}}
        location = store.patients_bucket / storing.PATIENT / "happiness" / ".sessions" / "a_session.json"
        storage.write_bytes(location, json.dumps(old).encode())
        storing.process(store, "content")
        assert [r.session for r in read_sessions(store.patients_bucket, storing.PATIENT)] == ["clip"]
        assert "a_session.json: left out" in caplog.text

    def test_session_is_opened_by_name_or_by_record(self, store: SessionStore, storing: ModuleType) -> None:
        storing.process(store, "another", stem="another", emotion_folder="anger")
        stored = storing.process(store, "content")
        for session in (f"{storing.PATIENT}/clip", stored.record):
            record, track = open_session(store.patients_bucket, session)
            assert record.sha256 == stored.sha256
            assert storage.uri_of(track) == stored.track

    @pytest.mark.parametrize("session", ["clip", "ana/clip", "ana/", "ana/../ana/clip", "nowhere/clip_session.json"])
    def test_unknown_session_raises_with_the_expected_format(self, store: SessionStore, session: str) -> None:
        with pytest.raises(InvalidInput, match="PATIENT/SESSION"):
            open_session(store.patients_bucket, session)

    def test_damaged_record_raises_with_its_name(self, store: SessionStore, storing: ModuleType) -> None:
        location = store.patients_bucket / "ana" / "happiness" / ".sessions" / "a_session.json"
        storage.write_bytes(location, b'{"sha256": "x", "emo')
        with pytest.raises(StorageError, match=r"a_session\.json: is damaged"):
            read_sessions(store.patients_bucket, "ana")
