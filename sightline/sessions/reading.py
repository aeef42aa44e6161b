"""Reading of finished sessions, for training and export."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel

from sightline import documents, storage
from sightline.errors import InvalidInput
from sightline.names import PatientName, SessionName
from sightline.sessions.layout import RECORD_SUFFIX, RECORDS
from sightline.sessions.records import SessionRecord
from sightline.storage import Location

_LOG = logging.getLogger(__name__)
_READERS = 8


class _Origin(BaseModel):
    sha256: str | None = None


def read_sessions(patients_bucket: Location, patient: PatientName | str) -> list[SessionRecord]:
    """Return all finished sessions of a patient, ordered by when they were recorded, or else processed.

    A session without a record is not finished and not included. A record of the original system has no track to
    train on; it is left out with a log message. Raises ``StorageError`` for a record that cannot be read.
    """
    training = patients_bucket / PatientName.of(patient).text
    locations = [
        training / folder / RECORDS / name
        for folder in storage.folder_names(training)
        for name in storage.file_names(training / folder / RECORDS)
        if name.endswith(RECORD_SUFFIX)
    ]
    with ThreadPoolExecutor(_READERS) as pool:
        records = newest(filter(None, pool.map(_read, locations)))
    return sorted(records, key=lambda record: (record.when, record.session))


def newest(records: Iterable[SessionRecord]) -> list[SessionRecord]:
    """Return the record of each session: while one is moved to another emotion's folder, it has two."""
    found: dict[str, SessionRecord] = {}
    for record in records:
        other = found.get(record.session)
        if other is None or other.generation < record.generation:
            found[record.session] = record
    return list(found.values())


def track_of(patients_bucket: Location, record: SessionRecord) -> Location:
    """Return the location of a session's track."""
    return patients_bucket / record.patient / record.folder / RECORDS / record.track


def open_session(patients_bucket: Location, session: str) -> tuple[SessionRecord, Location]:
    """Return a finished session's record and the location of its track.

    ``session`` is ``PATIENT/SESSION``, or the path or URI of the record. Raises ``InvalidInput`` if there is none.
    """
    if session.endswith(RECORD_SUFFIX):
        location = storage.locate(session)
        record = documents.read(location, SessionRecord)
        if record is not None:
            return record, location.parent / record.track
    else:
        name = SessionName.parse(session)
        training = patients_bucket / name.patient.text
        file = f"{name.session}{RECORD_SUFFIX}"
        folders = storage.folder_names(training)
        records = newest(filter(None, (_read(training / folder / RECORDS / file) for folder in folders)))
        for record in records:
            return record, track_of(patients_bucket, record)
    raise InvalidInput(
        session,
        f"there is no such session in {storage.uri_of(patients_bucket)}",
        f"Give PATIENT/SESSION, or the path of a record, …{RECORD_SUFFIX}",
    )


def _read(location: Location) -> SessionRecord | None:
    origin = documents.read(location, _Origin)
    if origin is None:
        return None
    if origin.sha256 is None:
        _LOG.warning("%s: left out, a record of the original system without a track", storage.uri_of(location))
        return None
    return documents.read(location, SessionRecord)
