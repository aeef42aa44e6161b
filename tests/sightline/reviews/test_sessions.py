"""Predictions of sessions queue their questions, and review markers of version 0.1 are queued once."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.names import PatientName, SessionName
from sightline.reviews import Reviews, count_waiting_sessions, queue_markers, store_prediction
from sightline.sessions import Claim, Prediction, SessionStore
from tests.clocks import Clock
from tests.reviewing import answer

STORED = Path(__file__).parents[2] / "compatibility" / "v0.1"
PATIENT, MODEL = "Ana B", "ana-b-f0633d59"
VISIT = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
OTHER = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
EMOTIONS = ("happy", "sad", "angry", "neutral")
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def sessions(tmp_path: Path) -> SessionStore:
    """Sessions that version 0.1 stored; two of them have a review marker."""
    for folder in ("videos", "patients"):
        shutil.copytree(STORED / folder, tmp_path / folder)
    return SessionStore(tmp_path / "videos", tmp_path / "patients")


def claim(session: str = "visit", sha256: str = VISIT) -> Claim:
    return Claim(SessionName(PatientName.parse(PATIENT), session), sha256)


def prediction(*reasons: str, version: int = 2, emotion: str = "sad") -> Prediction:
    return Prediction(
        model=f"{MODEL}/{version}", emotion=emotion, probabilities={"happy": 0.3, "sad": 0.7}, confidence=0.7,
        threshold=0.6, outcome="accepted", review=reasons, predicted_at=NOW,
    )  # fmt: skip


def predict(sessions: SessionStore, reviews: Reviews, *reasons: str, **options: Any) -> None:
    store_prediction(sessions, reviews, claim(), prediction(*reasons, **options), EMOTIONS)


def open_questions(reviews: Reviews) -> list[tuple[str | None, str, str]]:
    return [(item.question.session, item.question.model, item.question.proposed) for item in reviews.waiting(MODEL)]


class TestPredictions:
    def test_prediction_that_needs_a_review_queues_its_question(self, sessions: SessionStore, reviews: Reviews) -> None:
        predict(sessions, reviews, "the words express happy, the model predicts sad")
        [waiting] = reviews.waiting(MODEL)
        question, stored = waiting.question, sessions.outputs(claim())
        assert (question.session, question.sha256, question.uri) == ("Ana B/visit", VISIT, stored.annotated_video)
        assert (question.choices, question.frames) == (("happy", "sad", "angry", "neutral"), stored.frames)
        assert question.why == "the words express happy, the model predicts sad"
        assert stored.metadata.prediction == prediction("the words express happy, the model predicts sad")

    def test_later_prediction_replaces_the_open_question(self, sessions: SessionStore, reviews: Reviews) -> None:
        predict(sessions, reviews, "uncertain")
        predict(sessions, reviews, "uncertain", version=3, emotion="happy")
        predict(sessions, reviews, "uncertain", version=3, emotion="happy")
        assert open_questions(reviews) == [("Ana B/visit", f"{MODEL}/3", "happy")]

    def test_prediction_without_review_withdraws_the_open_question(
        self, sessions: SessionStore, reviews: Reviews
    ) -> None:
        predict(sessions, reviews, "uncertain")
        predict(sessions, reviews)
        assert open_questions(reviews) == []
        predict(sessions, reviews)
        predict(sessions, reviews, "uncertain")
        assert len(open_questions(reviews)) == 1, "a withdrawn question can be queued again"

    def test_question_that_a_run_asks_is_neither_replaced_nor_withdrawn(
        self, sessions: SessionStore, reviews: Reviews, clock: Clock
    ) -> None:
        predict(sessions, reviews, "uncertain")
        asked = [waiting.question for waiting in reviews.waiting(MODEL)]
        until = clock.time + timedelta(hours=1)
        reviews.plan("run-1", asked, page_size=12, limit=9, until=until)
        predict(sessions, reviews, "uncertain", version=3)
        predict(sessions, reviews)
        assert [waiting.question for waiting in reviews.waiting(MODEL)] == asked
        clock.time = until
        predict(sessions, reviews)
        assert open_questions(reviews) == [], "the lease has expired"

    def test_answered_question_is_not_queued_again(self, sessions: SessionStore, reviews: Reviews) -> None:
        predict(sessions, reviews, "uncertain")
        [waiting] = reviews.waiting(MODEL)
        reviews.answer(waiting.question, answer("sad"))
        predict(sessions, reviews, "uncertain", version=3)
        assert reviews.count_waiting(MODEL) == 0

    def test_process_killed_before_the_metadata_has_queued_the_question(
        self, sessions: SessionStore, reviews: Reviews, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise StorageError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(SessionStore, "add_prediction", fail)
            with pytest.raises(StorageError):
                predict(sessions, reviews, "uncertain")
        assert len(open_questions(reviews)) == 1
        assert len(sessions.reviews(PATIENT)) == 2, "the markers still exist"


class TestMarkers:
    def test_markers_are_queued_once_and_removed(self, sessions: SessionStore, reviews: Reviews) -> None:
        assert count_waiting_sessions(sessions, reviews, PATIENT, ()) == 2
        for _ in range(2):
            queue_markers(sessions, reviews, PATIENT, EMOTIONS)
            assert sorted(open_questions(reviews)) == [
                ("Ana B/visit", f"{MODEL}/1", "angry"), ("Ana B/visit-3fc4ccfe", f"{MODEL}/1", "sad"),
            ]  # fmt: skip
            assert sessions.reviews(PATIENT) == []
            assert count_waiting_sessions(sessions, reviews, PATIENT, ()) == 2
        question = {item.question.sha256: item.question for item in reviews.waiting(MODEL)}[VISIT]
        assert question.choices == ("angry", "happy", "sad", "neutral")

    @pytest.mark.parametrize("killed_in", ["queue", "end_review"])
    def test_killed_migration_loses_no_question(
        self, sessions: SessionStore, reviews: Reviews, monkeypatch: pytest.MonkeyPatch, killed_in: str
    ) -> None:
        def fail(*_: object) -> None:
            raise StorageError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(Reviews if killed_in == "queue" else SessionStore, killed_in, fail)
            with pytest.raises(StorageError, match="killed"):
                queue_markers(sessions, reviews, PATIENT, EMOTIONS)
        assert len(sessions.reviews(PATIENT)) == 2
        assert count_waiting_sessions(sessions, reviews, PATIENT, ()) == 2, "a session counts once"
        queue_markers(sessions, reviews, PATIENT, EMOTIONS)
        assert (len(open_questions(reviews)), sessions.reviews(PATIENT)) == (2, [])

    def test_marker_of_an_answered_session_is_only_removed(self, sessions: SessionStore, tmp_path: Path) -> None:
        shutil.copytree(STORED / "reviews", tmp_path / "old")
        reviews = Reviews(tmp_path / "old", lambda: NOW)
        assert [reviewed.question.sha256 for reviewed in reviews.answered(MODEL)] == [VISIT]
        before = reviews.waiting(MODEL)
        assert count_waiting_sessions(sessions, reviews, PATIENT, {VISIT}) == 1
        queue_markers(sessions, reviews, PATIENT, EMOTIONS)
        assert reviews.waiting(MODEL) == before
        assert [waiting.question.sha256 for waiting in before] == [OTHER]
        assert sessions.reviews(PATIENT) == []

    def test_later_prediction_supersedes_the_marker(self, sessions: SessionStore, reviews: Reviews) -> None:
        predict(sessions, reviews)
        assert [marker.session for marker in sessions.reviews(PATIENT)] == ["visit-3fc4ccfe"]
        queue_markers(sessions, reviews, PATIENT, EMOTIONS)
        assert [session for session, *_ in open_questions(reviews)] == ["Ana B/visit-3fc4ccfe"]


def test_stored_names_of_the_lease_and_the_alert_stay_the_same(sessions: SessionStore, reviews: Reviews) -> None:
    predict(sessions, reviews, "uncertain")
    [waiting] = reviews.waiting(MODEL)
    until = reviews.now() + timedelta(hours=1)
    reviews.plan("run-1", [waiting.question], page_size=12, limit=9, until=until)
    reviews.mark_alerted([waiting])
    file = reviews.root / MODEL / "waiting" / f"{VISIT}.json"
    stored = json.loads(storage.read_bytes(file))
    assert list(stored) == ["question", "queued", "taken_by", "until", "told"]
    assert (stored["taken_by"], stored["told"]) == ("run-1", "2026-01-31T10:20:00Z")
    plan = json.loads(storage.read_bytes(reviews.root / ".runs" / "run-1.json"))
    assert list(plan) == ["run", "made", "until", "pages", "left_out"]
