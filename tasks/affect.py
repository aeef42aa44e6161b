"""Asking a patient's model about a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from sightline import affect, sessions, storage
from sightline.alerts import Alert
from sightline.errors import InvalidInput
from sightline.features import features_of_track
from sightline.media import EXTENSIONS
from sightline.names import PatientName, SessionName
from sightline.sessions import Claim, Prediction, SessionRecord, SessionStore, StoredSession
from tasks.models import open_registry
from tasks.support.policy import ON_STORAGE, PLAIN

__all__ = [
    "Predicted",
    "alert_of_review",
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
    """A page in the UI, and the event ``sightline.session.predicted``, ``sightline.session.uncertain`` too."""
    stored, told = predicted.stored, predicted.prediction
    table = "\n".join(
        f"| {emotion} | {probability:.3f} |"
        for emotion, probability in sorted(told.probabilities.items(), key=lambda pair: -pair[1])
    )
    why = "\n".join(f"- {reason}" for reason in told.review)
    create_markdown_artifact(
        f"# {stored.patient}: {stored.session} is {told.emotion}, says {told.model}\n\n"
        f"The words say {stored.emotion}. The model is {told.confidence:.2f} sure; from {told.threshold:g} on it is "
        f"believed.\n\n| emotion | probability |\n| --- | --- |\n{table}\n\n"
        + (f"**A person should look at it:**\n\n{why}\n\n" if why else "")
        + f"- Annotated video: `{stored.annotated_video}`\n- Metadata: `{stored.metadata_file}`",
        key="prediction",
        description=f"{stored.patient}: {stored.session}",
    )
    resource = {
        "prefect.resource.id": f"sightline.session.{stored.sha256}",
        "prefect.resource.name": stored.session,
        "sightline.patient": stored.patient,
    }
    payload = {"patient": stored.patient, "session": stored.session, "said": stored.emotion}
    payload |= told.model_dump(mode="json", include={"model", "emotion", "confidence", "threshold", "review"})
    emit_event("sightline.session.predicted", resource=resource, payload=payload)
    if told.review:
        emit_event("sightline.session.uncertain", resource=resource, payload=payload)


def alert_of_review(predicted: Predicted) -> Alert | None:
    """What people are told of a session that they should look at; None where they need not."""
    stored, told = predicted.stored, predicted.prediction
    if not told.review:
        return None
    return Alert(
        # The same answer of the same model is no news.
        key=f"{stored.sha256} {told.model} {told.threshold:g}",
        kind="result",
        title=f"{stored.patient}: session {stored.session} needs a look",
        facts={
            "patient": stored.patient,
            "session": stored.session,
            "words": stored.emotion,
            "model": f"{told.emotion}, {told.confidence:.2f} sure, by {told.model}",
            "why": "; ".join(told.review),
            "video": stored.annotated_video,
            "metadata": stored.metadata_file,
        },
        run_name=None,
        run_url=None,
        at=told.predicted_at,
    )


def _claim(session: SessionRecord | StoredSession) -> Claim:
    return Claim(SessionName(PatientName.parse(session.patient), session.session), session.sha256)
