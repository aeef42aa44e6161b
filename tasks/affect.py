"""Asking a patient's model about a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task
from prefect.artifacts import create_markdown_artifact

from sightline import affect, sessions, storage
from sightline.errors import InvalidInput
from sightline.features import features_of_track
from sightline.media import EXTENSIONS
from sightline.names import PatientName, SessionName
from sightline.sessions import Claim, Prediction, SessionRecord, SessionStore, StoredSession, prediction_page
from tasks.events import emit_session_predicted, emit_session_uncertain
from tasks.models import open_registry
from tasks.support.policy import ON_STORAGE, PLAIN

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
    """A session, and what the patient's model says of it."""

    stored: StoredSession
    prediction: Prediction


def is_video(video_or_session: str) -> bool:
    """Whether it is named as a video's file is; a session's name and its record's have no such ending."""
    return Path(video_or_session).suffix.lower() in EXTENSIONS


@task(**ON_STORAGE)
def find_stored(store: SessionStore, video: str, patient: str | None) -> StoredSession | None:
    """The session that this video's content has become; None where it is new, or was cut off before it was planned."""
    with TemporaryDirectory(prefix="sightline-") as folder:
        source = sessions.fetch_source(storage.locate(video), patient, store.video_bucket, Path(folder))
    claim = store.find(source.patient, source.sha256)
    return None if claim is None or store.status(claim) == "new" else store.complete(claim)


@task(**ON_STORAGE)
def open_stored(store: SessionStore, session: str, patient: str | None) -> StoredSession:
    """A finished session by its name, as PATIENT/SESSION or as SESSION of ``patient``, or by its record's file."""
    if patient is not None and "/" not in session:
        session = f"{patient}/{session}"
    record, _ = sessions.open_session(store.patients_bucket, session)
    if patient is not None and record.patient != patient:
        raise InvalidInput(session, f"is a session of {record.patient}, not of {patient}", "Leave --patient out")
    return store.outputs(_claim(record))


@task(**ON_STORAGE)
def predict_stored(store: SessionStore, stored: StoredSession, threshold: float | None) -> Predicted:
    """What the patient's current model says of a session, written into its metadata."""
    model = affect.load_emotion_model(open_registry(), stored.patient)
    features = features_of_track(storage.locate(stored.track))
    prediction = affect.predict_session(model, features, stored.metadata, datetime.now(UTC), threshold=threshold)
    return Predicted(store.add_prediction(_claim(stored), prediction), prediction)


@task(**PLAIN)
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
