"""Steps that predict a session with the patient's model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from sightline import affect, reviews, sessions, storage
from sightline.emotion import load_keywords
from sightline.errors import InvalidInput
from sightline.features import features_of_track
from sightline.media import EXTENSIONS
from sightline.names import PatientName, SessionName
from sightline.sessions import (
    Claim,
    Prediction,
    SessionRecord,
    SessionStore,
    StoredSession,
    prediction_page,
    trained_on_note,
)
from sightline.settings import settings
from tasks.events import emit_session_predicted, emit_session_uncertain
from tasks.models import open_registry, open_reviews
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task

__all__ = [
    "Predicted",
    "find_stored",
    "is_video",
    "open_stored",
    "predict_stored",
    "publish_prediction",
]


@dataclass(frozen=True)
class Predicted:
    """A session and the prediction of the patient's model."""

    stored: StoredSession
    prediction: Prediction


def is_video(video_or_session: str) -> bool:
    """Return whether the name has a video's extension; names of sessions and of records have none."""
    return Path(video_or_session).suffix.lower() in EXTENSIONS


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def find_stored(store: SessionStore, video: str, patient: str | None) -> StoredSession | None:
    """Return the session of this video's content; None if it is new, or its processing was interrupted early."""
    with TemporaryDirectory(prefix="sightline-") as folder:
        source = sessions.fetch_source(storage.locate(video), patient, store.video_bucket, Path(folder))
    claim = store.find(source.patient, source.sha256)
    return None if claim is None or store.status(claim) == "new" else store.complete(claim)


@sightline_task(**ON_STORAGE)
def open_stored(store: SessionStore, session: str, patient: str | None) -> StoredSession:
    """Return a finished session by its name, PATIENT/SESSION or SESSION of ``patient``, or by its record's file."""
    if patient is not None and "/" not in session:
        session = f"{patient}/{session}"
    record, _ = sessions.open_session(store.patients_bucket, session)
    if patient is not None and record.patient != patient:
        raise InvalidInput(session, f"is a session of {record.patient}, not of {patient}", "Omit --patient")
    return store.outputs(_claim(record))


@sightline_task(**ON_STORAGE)
def predict_stored(store: SessionStore, stored: StoredSession, threshold: float | None) -> Predicted:
    """Predict a session with the patient's current model, and store the prediction.

    A prediction that needs a review queues a question.
    """
    if stored.metadata.person is None:
        raise InvalidInput(
            f"{stored.patient}/{stored.session}",
            f"{stored.metadata.unusable}, so there is nothing to predict",
            f"If that is not decided yet, answer the question: sightline review-predictions --patient {stored.patient}",
        )
    model = affect.load_emotion_model(open_registry(), stored.patient)
    features = features_of_track(storage.locate(stored.track), stored.metadata.person)
    prediction = affect.predict_session(model, features, stored.metadata, datetime.now(UTC), threshold=threshold)
    if prediction.trained_on:
        get_run_logger().warning("%s/%s: %s", stored.patient, stored.session, trained_on_note(prediction))
    emotions = load_keywords(settings().emotion_keywords).emotions
    updated = reviews.store_prediction(store, open_reviews(), _claim(stored), prediction, emotions)
    return Predicted(updated, prediction)


@sightline_task(**PLAIN)
def publish_prediction(predicted: Predicted) -> None:
    """Publish the prediction's page and ``sightline.session.predicted``.

    If a person should review the session, also emit ``sightline.session.uncertain``.
    """
    stored, prediction = predicted.stored, predicted.prediction
    create_markdown_artifact(
        prediction_page(stored, prediction), key="prediction", description=f"{stored.patient}: {stored.session}"
    )
    emit_session_predicted(stored, prediction)
    if prediction.review:
        emit_session_uncertain(stored, prediction)


def _claim(session: SessionRecord | StoredSession) -> Claim:
    return Claim(SessionName(PatientName.parse(session.patient), session.session), session.sha256)
