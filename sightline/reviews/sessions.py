"""The questions about a patient's sessions: queued as soon as a prediction needs a review, or when a session is stored.

Version 0.1 wrote a marker into the patient's folder instead, and queued the question later. Such markers are still
read: :func:`queue_markers` queues their questions and then removes them, and :func:`store_prediction` replaces them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from sightline.emotion import Keywords, Languages
from sightline.names import PatientName, SessionName
from sightline.reviews.gather import QuestionSet
from sightline.reviews.identities import apply_identities, claim_of, person_question
from sightline.reviews.naming import apply_names, folded_name, name_questions
from sightline.reviews.records import Question
from sightline.reviews.store import Reviews
from sightline.sessions import Claim, Prediction, SessionRecord, SessionStore, StoredSession, read_sessions

__all__ = [
    "apply_answers",
    "count_unknown",
    "count_waiting_sessions",
    "questions_of_patient",
    "questions_of_session",
    "queue_markers",
    "queue_unknown",
    "store_prediction",
    "withdraw_questions",
]

_LOG = logging.getLogger(__name__)


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


def withdraw_questions(reviews: Reviews, stored: StoredSession, *, people: bool) -> None:
    """Remove the open question about a session's emotion, which a person has stated or a new processing will ask.

    ``people``: also the one about who the patient is in the processing before this one.
    """
    model = PatientName.parse(stored.patient).model.label
    keys = [stored.sha256]
    if people and stored.metadata.times_replaced:
        before = stored.metadata.times_replaced - 1
        keys.append(f"{stored.sha256}-person" + (f"-{before}" if before else ""))
    for key in keys:
        reviews.withdraw(model, key)


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


def questions_of_session(stored: StoredSession) -> list[Question]:
    """Return the questions about who the patient of a session is, and which of the names in it are the patient's."""
    question = person_question(stored)
    return [*([question] if question else []), *name_questions(stored)]


def queue_unknown(sessions: SessionStore, reviews: Reviews, records: Iterable[SessionRecord]) -> None:
    """Queue the questions of all sessions whose patient is not known, except those that wait or were answered.

    They are queued when a session is stored. This finds those of a process that was killed in between.
    """
    for record in records:
        if record.unusable is None:
            continue
        claim = claim_of(record)
        if sessions.status(claim) == "finished":
            reviews.queue(questions_of_session(sessions.outputs(claim)))
        else:
            _LOG.warning(
                "%s/%s: no question is asked about it, because its metadata are not in the video bucket",
                record.patient,
                record.session,
            )


def count_unknown(reviews: Reviews, patient: PatientName | str, records: Iterable[SessionRecord]) -> int:
    """Return how many of a patient's sessions have an open question about who the patient is or which names are theirs.

    A session about which nobody can tell, or people disagree, has no open question.
    """
    waiting = [item.question for item in reviews.waiting(PatientName.of(patient).model.label)]
    pictures = {question.sha256 for question in waiting if question.kind == "person"}
    names = {folded_name(question.name) for question in waiting if question.name}
    return sum(
        record.unusable is not None
        and (
            record.sha256 in pictures
            or any(folded_name(asked.name) in names for asked in (record.attribution.ask if record.attribution else ()))
        )
        for record in records
    )


def apply_answers(
    sessions: SessionStore,
    reviews: Reviews,
    keywords: Keywords,
    patient: PatientName | str,
    new: Iterable[str] = (),
    languages: Languages | None = None,
) -> list[SessionRecord]:
    """Apply people's answers about who the patient is, and which names are theirs; return the patient's records.

    The records and metadata of the sessions concerned are changed, and nothing is processed again.

    Args:
        sessions: The store of the sessions.
        reviews: The answers.
        keywords: The keyword table, with which sessions are labelled again.
        patient: The patient.
        new: The keys of the questions that were answered just now: see :func:`apply_names`.
        languages: The tables of other languages, the built-in ones by default.
    """
    name = PatientName.of(patient)
    sessions.finish_changes(name)
    answered = reviews.answered(name.model.label)
    records = apply_identities(sessions, answered, read_sessions(sessions.patients_bucket, name))
    return apply_names(sessions, keywords, name, answered, records, new=new, languages=languages)


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
