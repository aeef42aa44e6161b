"""How a patient is doing: their sessions, what was said, seen and answered in them, and their model's trainings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pydantic import AwareDatetime, BaseModel, Field

from sightline import documents
from sightline.affect import Training, read_trainings
from sightline.emotion import Stretch
from sightline.errors import InvalidInput
from sightline.names import PatientName
from sightline.registry import Registry
from sightline.reviews import Reviewed, Reviews
from sightline.sessions import (
    Metadata,
    Prediction,
    SessionRecord,
    SessionStore,
    read_sessions,
)
from sightline.sessions.layout import SessionLayout
from sightline.storage import Location, folder_names

__all__ = ["PatientRow", "PatientView", "SessionRow", "list_patients", "view_patient"]

_SESSIONS, _TRAININGS = 40, 20  # shown of each, the latest
_READERS = 8


class PatientRow(BaseModel):
    """One patient with sessions."""

    patient: str
    model: str
    sessions: int


class SessionRow(BaseModel):
    """One session: what its words tell, what the model says, and what a person answered."""

    session: str
    processed: AwareDatetime
    duration_seconds: float
    said: str
    predicted: Prediction | None
    answered: str | None = Field(description="What people agreed on, or `contested`; null where nobody was asked.")
    reviewers: list[str]
    poses: int
    timeline: list[Stretch]


class PatientView(BaseModel):
    """A patient."""

    patient: str
    model: str
    version: int | None = Field(description="The current version of the patient's model; null where there is none.")
    sessions: list[SessionRow] = Field(description="The latest first, at most 40.")
    sessions_in_all: int
    emotions: dict[str, int] = Field(
        description="Sessions by the emotion that counts: a person's answer, or the words'."
    )
    waiting: int
    trainings: list[Training] = Field(description="The latest first, at most 20.")
    trainings_in_all: int


def list_patients(patients: Location) -> list[PatientRow]:
    """Everyone with sessions."""
    found = []
    for name in folder_names(patients):
        sessions = read_sessions(patients, name)
        if sessions:
            found.append(PatientRow(patient=name, model=PatientName.parse(name).model.name, sessions=len(sessions)))
    return found


def view_patient(
    videos: Location, patients: Location, registry: Registry, reviews: Reviews, patient: str
) -> PatientView:
    """One patient. Raises ``InvalidInput`` for one who has no sessions, or whose name cannot be one."""
    owner = PatientName.parse(patient)
    name, model = owner.text, owner.model.name
    records, trainings = read_sessions(patients, name), read_trainings(registry.root / model)
    if not records and not trainings:
        raise InvalidInput(patient, "has no sessions here", "See /models for whose models there are")
    answers = {each.question.sha256: each for each in reviews.answered(model)}
    latest = records[: -_SESSIONS - 1 : -1]
    with ThreadPoolExecutor(_READERS) as pool:
        rows = list(pool.map(lambda record: _row(videos, patients, record, answers.get(record.sha256)), latest))
    counted = [_counts(record, answers.get(record.sha256)) for record in records]
    pointer = registry.current(model)
    return PatientView(
        patient=name,
        model=model,
        version=pointer.version if pointer else None,
        sessions=rows,
        sessions_in_all=len(records),
        emotions={emotion: counted.count(emotion) for emotion in sorted(set(counted))},
        waiting=_waiting(videos, patients, name, answers),
        trainings=trainings[: -_TRAININGS - 1 : -1],
        trainings_in_all=len(trainings),
    )


def _row(videos: Location, patients: Location, record: SessionRecord, answer: Reviewed | None) -> SessionRow:
    at = SessionLayout(videos, patients, PatientName.parse(record.patient), record.session, record.sha256)
    metadata = documents.read(at.metadata, Metadata)
    return SessionRow(
        session=record.session,
        processed=record.processing_time,
        duration_seconds=record.duration_seconds,
        said=record.emotion,
        predicted=metadata.prediction if metadata else None,
        answered=answer.verdict if answer else None,
        reviewers=list(answer.reviewers) if answer else [],
        poses=record.pose_indices.count,
        timeline=list(metadata.timeline) if metadata else [],
    )


def _counts(record: SessionRecord, answer: Reviewed | None) -> str:
    return answer.label if answer and answer.label else record.emotion


def _waiting(videos: Location, patients: Location, patient: str, answers: dict[str, Reviewed]) -> int:
    store = SessionStore(videos, patients)
    return sum(item.sha256 not in answers for item in store.reviews(patient))
