"""The questions about a patient's sessions: queued as soon as a prediction needs a review.

Version 0.1 wrote a marker into the patient's folder instead, and queued the question later. Such markers are still
read: :func:`queue_markers` queues their questions and then removes them, and :func:`store_prediction` replaces them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sightline.names import PatientName, SessionName
from sightline.reviews.gather import QuestionSet
from sightline.reviews.records import Question
from sightline.reviews.store import Reviews
from sightline.sessions import Claim, Prediction, SessionStore, StoredSession

__all__ = ["count_waiting_sessions", "questions_of_patient", "queue_markers", "store_prediction"]


def store_prediction(
    sessions: SessionStore, reviews: Reviews, claim: Claim, prediction: Prediction, emotions: Iterable[str]
) -> StoredSession:
    """Store a prediction in the session's metadata, and queue a question if it needs a review.

    If it needs none, an earlier question about the session is withdrawn, unless a run asks it now. The question is
    queued before the prediction is stored, and withdrawn after it: if the process is killed between the two, a question
    is asked needlessly, but none is lost. Raises ``StorageError`` if the session is not finished.

    Args:
        sessions: The store of the session.
        reviews: The queue of questions.
        claim: The finished session.
        prediction: The prediction of the patient's model.
        emotions: The emotions of the keyword table, which are offered besides those of the model.
    """
    if prediction.review:
        reviews.replace(_question(sessions.outputs(claim), prediction, emotions))
    stored = sessions.add_prediction(claim, prediction)
    if not prediction.review:
        reviews.withdraw(prediction.model, stored.sha256)
    sessions.end_review(stored.patient, stored.session)
    return stored


def questions_of_patient(sessions: SessionStore, patient: PatientName | str, emotions: Iterable[str]) -> QuestionSet:
    """Return the questions of a patient's markers.

    The choices are the emotions of the patient's model, then the others of ``emotions``.
    """
    name, emotions = PatientName.of(patient), list(emotions)
    markers = [
        (Claim(SessionName(name, marker.session), marker.sha256), marker.prediction)
        for marker in sessions.reviews(name)
    ]
    return QuestionSet(
        model=name.model.name,
        questions=tuple(_question(sessions.outputs(claim), prediction, emotions) for claim, prediction in markers),
    )


def queue_markers(
    sessions: SessionStore, reviews: Reviews, patient: PatientName | str, emotions: Iterable[str]
) -> None:
    """Queue the questions of a patient's markers, then remove the markers.

    A marker whose question waits already or has been answered is only removed.
    """
    questions = questions_of_patient(sessions, patient, emotions).questions
    reviews.queue(questions)
    for question in questions:
        name = SessionName.parse(str(question.session))
        sessions.end_review(name.patient, name.session)


def count_waiting_sessions(
    sessions: SessionStore, reviews: Reviews, patient: PatientName | str, answered: Collection[str]
) -> int:
    """Return how many of a patient's sessions have an open question.

    ``answered`` holds the SHA-256 of the sessions that have been answered. A marker counts as an open question.
    """
    name = PatientName.of(patient)
    waiting = {item.question.sha256 for item in reviews.waiting(name.model.name) if item.question.kind == "session"}
    markers = {marker.sha256 for marker in sessions.reviews(name)}
    return len((waiting | markers).difference(answered))


def _question(stored: StoredSession, prediction: Prediction, emotions: Iterable[str]) -> Question:
    return Question(
        kind="session",
        model=prediction.model,
        uri=stored.annotated_video,
        sha256=stored.sha256,
        proposed=prediction.emotion,
        confidence=prediction.confidence,
        threshold=prediction.threshold,
        choices=tuple(dict.fromkeys((*prediction.probabilities, stored.emotion, *emotions))),
        why="; ".join(prediction.review),
        session=f"{stored.patient}/{stored.session}",
        frames=stored.frames,
    )
