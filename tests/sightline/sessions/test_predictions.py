"""A prediction is stored beside the emotion of the words, and sessions that need a review are listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.reviews import Reviews, store_prediction
from sightline.sessions import Claim, Prediction, SessionOutputs, SessionStore, read_sessions

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def prediction(*review: str, later: int = 0) -> Prediction:
    """Return a prediction with these reasons for a review."""
    return Prediction(
        model="ana/1", emotion="sad", probabilities={"happy": 0.3, "sad": 0.7}, confidence=0.7, threshold=0.6,
        outcome="accepted", review=review, predicted_at=NOW + timedelta(minutes=later),
    )  # fmt: skip


def test_prediction_is_added_to_the_metadata_without_other_changes(
    store: SessionStore, claim: Claim, outputs: SessionOutputs
) -> None:
    before = store.save(claim, outputs)
    original = json.loads(storage.read_bytes(storage.locate(before.metadata_file)))
    after = store.add_prediction(claim, prediction())
    written = json.loads(storage.read_bytes(storage.locate(before.metadata_file)))
    assert written.pop("prediction")["probabilities"] == {"happy": 0.3, "sad": 0.7}
    assert original.pop("prediction") is None
    assert written == original
    assert written["emotion"] == "happy"
    assert store.outputs(claim) == after
    assert store.status(claim) == "finished"


def test_session_is_listed_until_a_prediction_needs_no_review(
    store: SessionStore, claim: Claim, outputs: SessionOutputs
) -> None:
    stored, reviews = store.save(claim, outputs), Reviews(store.patients_bucket.parent / "reviews")
    store_prediction(store, reviews, claim, prediction("the words express happy, the model predicts sad"), ())
    (question,) = (waiting.question for waiting in reviews.waiting("ana"))
    assert (question.session, question.choices, question.uri) == ("José/clip", ("happy", "sad"), stored.annotated_video)
    assert question.why == "the words express happy, the model predicts sad"
    store_prediction(store, reviews, claim, prediction(later=1), ())
    assert reviews.waiting("ana") == []


def test_review_is_not_read_as_a_session(
    store: SessionStore, claim: Claim, outputs: SessionOutputs, storing: ModuleType
) -> None:
    store.save(claim, outputs)
    store.add_prediction(claim, prediction("unsure"))
    assert [record.session for record in read_sessions(store.patients_bucket, storing.PATIENT)] == ["clip"]


def test_prediction_for_an_unfinished_session_is_rejected(store: SessionStore, claim: Claim) -> None:
    with pytest.raises(StorageError, match="the session is not finished"):
        store.add_prediction(claim, prediction())


def test_prediction_is_kept_when_the_video_is_stored_again(
    store: SessionStore, claim: Claim, outputs: SessionOutputs
) -> None:
    store.save(claim, outputs)
    store.add_prediction(claim, prediction())
    assert store.save(claim, outputs).metadata.prediction == prediction()
