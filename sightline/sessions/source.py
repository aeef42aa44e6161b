"""A video before it is processed: its patient, its name and its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sightline import storage
from sightline.errors import InvalidMedia
from sightline.media import check_extension
from sightline.names import PatientName
from sightline.sessions.names import check_source, patient_of
from sightline.storage import Location


@dataclass(frozen=True)
class Source:
    """A video to process. ``path`` is a local file with its content, ``sha256`` the hash of the content."""

    uri: str
    path: Path
    patient: PatientName
    stem: str
    sha256: str
    version: str | None = None
    """The version of the file, as :class:`~sightline.storage.StoredFile` has it."""


def fetch_source(video: Location, patient: str | None, video_bucket: Location, folder: Path) -> Source:
    """Fetch a video, into ``folder`` if it is not local. By default the patient is the first part of its key.

    Raises ``InvalidMedia`` for a missing file or a suffix that no video has, ``InvalidName`` if the patient is unknown
    or invalid, and ``InvalidInput`` for a video that is itself a result.
    """
    uri = storage.uri_of(video)
    check_extension(uri)
    check_source(video, video_bucket)
    owner = patient_of(video, video_bucket) if patient is None else PatientName.parse(patient)
    try:
        version = storage.stored(video).version
        path = storage.fetch(video, folder)
    except FileNotFoundError as error:
        raise InvalidMedia(uri, "there is no such file", "Check the path") from error
    return Source(uri, path, owner, video.stem, storage.content_hash(path), version)
