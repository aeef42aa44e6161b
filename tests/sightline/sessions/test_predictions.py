"""What a model says of a session is kept beside what its words say, and who should be looked at is listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.sessions import Claim, Prediction, SessionOutputs, SessionStore, read_sessions

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def prediction(*review: str, later: int = 0) -> Prediction:
    """What a model said."""
    return Prediction(
        model="ana/1", emotion="sad", probabilities={"happy": 0.3, "sad": 0.7}, confidence=0.7, threshold=0.6,
        outcome="accepted", review=review, predicted_at=NOW + timedelta(minutes=later),
    )  # fmt: skip


def test_the_probabilities_stand_beside_the_keyword_emotion_and_nothing_else_changes(
    store: SessionStore, claim: Claim, outputs: SessionOutputs
) -> None:
    before = store.save(claim, outputs)
    told = json.loads(storage.read_bytes(storage.locate(before.metadata_file)))
    after = store.add_prediction(claim, prediction())
    written = json.loads(storage.read_bytes(storage.locate(before.metadata_file)))
    assert written.pop("prediction")["probabilities"] == {"happy": 0.3, "sad": 0.7}
    assert told.pop("prediction") is None
    assert written == told
    assert written["emotion"] == "happy"
    assert store.outputs(claim) == after
    assert store.status(claim) == "finished"


def test_a_session_that_a_person_should_look_at_is_listed_until_a_later_answer_needs_nobody(
    store: SessionStore, claim: Claim, outputs: SessionOutputs, storing: ModuleType
) -> None:
    stored = store.save(claim, outputs)
    store.add_prediction(claim, prediction("the words say happy, the model sad"))
    (item,) = store.reviews(storing.PATIENT)
    assert (item.session, item.said, item.annotated_video) == ("clip", "happy", stored.annotated_video)
    assert item.prediction.review == ("the words say happy, the model sad",)
    store.add_prediction(claim, prediction(later=1))
    assert store.reviews(storing.PATIENT) == []


def test_what_waits_is_no_session_to_learn_from(
    store: SessionStore, claim: Claim, outputs: SessionOutputs, storing: ModuleType
) -> None:
    store.save(claim, outputs)
    store.add_prediction(claim, prediction("unsure"))
    assert [record.session for record in read_sessions(store.patients_bucket, storing.PATIENT)] == ["clip"]


def test_a_session_that_is_not_finished_is_not_written_to(store: SessionStore, claim: Claim) -> None:
    with pytest.raises(StorageError, match="the session is not finished"):
        store.add_prediction(claim, prediction())


def test_storing_the_same_video_again_keeps_the_prediction(
    store: SessionStore, claim: Claim, outputs: SessionOutputs
) -> None:
    store.save(claim, outputs)
    store.add_prediction(claim, prediction())
    assert store.save(claim, outputs).metadata.prediction == prediction()
