"""A patient: the emotions of the sessions by words, model and people, and the trainings of the patient's model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sightline import documents
from sightline.affect import Training, model_of, read_trainings
from sightline.emotion import Stretch
from sightline.errors import InvalidInput
from sightline.media import Recorded
from sightline.names import PatientName
from sightline.registry import Registry
from sightline.reviews import Reviewed, Reviews, count_waiting_sessions, emotion_of
from sightline.sessions import (
    Correction,
    Metadata,
    Prediction,
    SessionRecord,
    SessionStore,
    label_corrected_at,
    read_sessions,
)
from sightline.sessions.layout import SessionLayout
from sightline.storage import Location, folder_names

__all__ = ["PatientRow", "PatientView", "SessionRow", "list_patients", "view_patient"]

_SESSIONS, _TRAININGS = 40, 20  # most that are shown, the latest
_READERS = 8


class PatientRow(BaseModel):
    """One patient with sessions."""

    patient: str
    model: str
    sessions: int


class SessionRow(BaseModel):
    """One session: the emotion of the words, the predicted one, and what people state."""

    model_config = ConfigDict(populate_by_name=True)

    session: str
    when: AwareDatetime = Field(description="When it was recorded; when it was processed, if that is not known.")
    recorded: Recorded | None = Field(description="When it was recorded, and how that is known.")
    processed: AwareDatetime
    duration_seconds: float
    spoken: str = Field(alias="said", description="The emotion of the words.")
    predicted: Prediction | None
    answered: str | None = Field(description="The reviewers' answer, or `contested`; null if there is none.")
    reviewers: list[str]
    corrected: str | None = Field(description="The emotion by the latest correction; null if only stretches have any.")
    corrections: list[Correction] = Field(description="People's corrections, the latest last.")
    stated: str | None = Field(description="What people state: the later of the answer and the correction.")
    poses: int
    timeline: list[Stretch]


class PatientView(BaseModel):
    """One patient."""

    patient: str
    model: str
    version: int | None = Field(description="The current version of the patient's model; null if there is none.")
    sessions: list[SessionRow] = Field(description="The latest first, at most 40.")
    sessions_in_all: int
    emotions: dict[str, int] = Field(
        description="The number of sessions by emotion: what people state, or the emotion of the words."
    )
    waiting: int
    trainings: list[Training] = Field(description="The latest first, at most 20.")
    trainings_in_all: int


def list_patients(patients: Location, registry: Registry) -> list[PatientRow]:
    """Return all patients with sessions."""
    rows = []
    for name in folder_names(patients):
        sessions = read_sessions(patients, name)
        if sessions:
            rows.append(PatientRow(patient=name, model=model_of(registry, name).name, sessions=len(sessions)))
    return rows


def view_patient(
    videos: Location, patients: Location, registry: Registry, reviews: Reviews, patient: str
) -> PatientView:
    """Return one patient. Raises ``InvalidInput`` for a patient without sessions, and for an invalid name."""
    owner = PatientName.parse(patient)
    name, model = owner.text, model_of(registry, owner).name
    folders = dict.fromkeys([model, owner.model.name])
    records = read_sessions(patients, name)
    trainings = [training for folder in folders for training in read_trainings(registry.root / folder)]
    if not records and not trainings:
        raise InvalidInput(patient, "has no sessions", "See /models for the patients with sessions")
    answers = {
        reviewed.question.sha256: reviewed
        for reviewed in reviews.answered(owner.model.name)
        if reviewed.question.kind == "session"
    }
    latest = records[: -_SESSIONS - 1 : -1]
    with ThreadPoolExecutor(_READERS) as pool:
        rows = list(pool.map(lambda record: _row(videos, patients, record, answers.get(record.sha256)), latest))
    emotions = [_emotion(record, answers.get(record.sha256)) for record in records]
    pointer = registry.current(model)
    return PatientView(
        patient=name,
        model=model,
        version=pointer.version if pointer else None,
        sessions=rows,
        sessions_in_all=len(records),
        emotions={emotion: emotions.count(emotion) for emotion in sorted(set(emotions))},
        waiting=count_waiting_sessions(SessionStore(videos, patients), reviews, owner, answers),
        trainings=trainings[: -_TRAININGS - 1 : -1],
        trainings_in_all=len(trainings),
    )


def _row(videos: Location, patients: Location, record: SessionRecord, answer: Reviewed | None) -> SessionRow:
    layout = SessionLayout(videos, patients, PatientName.parse(record.patient), record.session, record.sha256)
    metadata = documents.read(layout.metadata, Metadata)
    return SessionRow(
        session=record.session,
        when=record.when,
        recorded=record.recorded,
        processed=record.processing_time,
        duration_seconds=record.duration_seconds,
        spoken=record.spoken_emotion or record.emotion,
        predicted=metadata.prediction if metadata else None,
        answered=answer.verdict if answer else None,
        reviewers=list(answer.reviewers) if answer else [],
        corrected=record.emotion if label_corrected_at(record.corrections, record.emotion) else None,
        corrections=list(record.corrections),
        stated=_stated(record, answer),
        poses=record.pose_indices.count,
        timeline=list(metadata.timeline) if metadata else [],
    )


def _stated(record: SessionRecord, answer: Reviewed | None) -> str | None:
    if answer is None and label_corrected_at(record.corrections, record.emotion) is None:
        return None
    return emotion_of(record, answer) or (answer.verdict if answer else None)


def _emotion(record: SessionRecord, answer: Reviewed | None) -> str:
    return emotion_of(record, answer) or record.emotion
