"""Changes of stored sessions by people's answers: who the patient is, and whom the statements are about.

Nothing is processed again: a track has everyone's poses, and the metadata have the transcript. Every change is
idempotent, and the record is changed last: a record that does not have the change shows that it is not complete.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from sightline import documents, storage
from sightline.emotion import EmotionFindings
from sightline.errors import InvalidInput
from sightline.features import valid_seconds
from sightline.names import PatientName
from sightline.pose import Identity, PeopleTrack
from sightline.sessions.corrections import corrected
from sightline.sessions.layout import SessionLayout
from sightline.sessions.records import Metadata, NamesUsed, SessionRecord, analysis_csv
from sightline.sessions.store import SessionStore
from sightline.storage import Location

__all__ = ["read_metadata", "set_identity", "set_statements"]


def set_identity(store: SessionStore, record: SessionRecord, identity: Identity) -> SessionRecord:
    """Store who the patient of a session is, and how much of the video shows them; return the changed record.

    Once that is decided, the pictures of the people are removed: nobody else is shown recognisably for longer than
    needed. Raises :class:`~sightline.errors.InvalidInput` if the track is missing or has no such person.
    """
    layout = _layout(store, record)
    if record.identity == identity:
        frames, seconds = record.frames_with_person, record.valid_seconds
    else:
        frames, seconds = _patient_in(layout.records(record.folder) / record.track, identity)
    changed = _change(layout, record, identity=identity, frames_with_person=frames, valid_seconds=seconds)
    if identity.is_decided:
        storage.remove_folder(layout.people)
    return changed


def set_statements(
    store: SessionStore, record: SessionRecord, findings: EmotionFindings, names: NamesUsed
) -> SessionRecord:
    """Store the emotions that an analysis of the transcript with other names found; return the changed record.

    The session's emotion, annotations and timeline change, and people's corrections apply to them. Its files stay in
    the folder of the first emotion.
    """
    layout = _layout(store, record)
    emotion, timeline = corrected(findings.dominant, findings.timeline, record.corrections, record.duration_seconds)
    statements = {
        "emotion_keywords_found": len(findings.hits),
        "annotations_found": len(findings.annotations),
        "annotations": findings.annotations,
        "timeline": timeline,
    }
    return _change(
        layout,
        record,
        statements,
        emotion=emotion,
        spoken_emotion=findings.dominant if record.corrections else None,
        attribution=findings.attribution,
        names=names,
        other_emotions=findings.other_emotions,
    )


def read_metadata(store: SessionStore, record: SessionRecord) -> Metadata | None:
    """Return the metadata of a session; None if they are not in the store's video bucket."""
    return documents.read(_layout(store, record).metadata, Metadata)


def _layout(store: SessionStore, record: SessionRecord) -> SessionLayout:
    patient = PatientName.parse(record.patient)
    return SessionLayout(store.video_bucket, store.patients_bucket, patient, record.session, record.sha256)


def _patient_in(location: Location, identity: Identity) -> tuple[int, float]:
    """Return the number of frames that show the patient, and the seconds without a break."""
    uri = storage.uri_of(location)
    try:
        track = PeopleTrack.from_parquet(io.BytesIO(storage.read_bytes(location)), uri)
    except FileNotFoundError as error:
        raise InvalidInput(uri, "does not exist, but the session is finished", "Process the video again") from error
    if identity.person is None:
        return (track.frames_with() if identity.how == "undecided" else 0), 0.0
    if identity.person not in track.numbers:
        raise InvalidInput(uri, f"has no person {identity.person}", "Process the video again")
    return track.frames_with(identity.person), valid_seconds(track.of(identity.person))


def _change(
    layout: SessionLayout, record: SessionRecord, statements: dict[str, Any] | None = None, **fields: Any
) -> SessionRecord:
    """Change fields that record and metadata have in common, and ``statements`` in the metadata."""
    metadata = documents.change(
        layout.metadata, Metadata, _updated(record.sha256, "content_hash", {**fields, **(statements or {})})
    )
    if metadata is not None and statements is not None:
        storage.write_bytes(layout.csv, analysis_csv(metadata))
    location = layout.record(record.folder, record.session)
    stored = documents.change(location, SessionRecord, _updated(record.sha256, "sha256", fields))
    if stored is None:
        raise InvalidInput(storage.uri_of(location), "is not the session's record any more", "Process the video again")
    return stored


def _updated(
    sha256: str, field: str, changes: dict[str, Any]
) -> Callable[[documents.Model | None], documents.Model | None]:
    """Return an update that changes the document of this content, and leaves anything else as it is."""

    def update(stored: documents.Model | None) -> documents.Model | None:
        if stored is None or getattr(stored, field) != sha256:
            return None
        changed = stored.model_copy(update=changes)
        return stored if changed == stored else changed

    return update
