"""The videos in a folder, and those of them that have a finished session."""

from __future__ import annotations

from dataclasses import dataclass

from sightline import storage
from sightline.errors import InvalidName
from sightline.media import EXTENSIONS
from sightline.names import RESULT_FOLDER, PatientName, SessionName
from sightline.sessions.claims import Claim
from sightline.sessions.names import patient_of
from sightline.sessions.reading import read_sessions
from sightline.sessions.records import SessionRecord
from sightline.sessions.store import SessionStore
from sightline.storage import Location, StoredFile, key_under, uri_of

__all__ = ["FoundVideos", "find_videos", "finished_videos"]


@dataclass(frozen=True)
class FoundVideos:
    """The videos of a folder, and the patient if one is given; ``others`` counts the files that are no videos."""

    videos: tuple[StoredFile, ...]
    patient: PatientName | None
    others: int


def find_videos(folder: Location, video_bucket: Location, patient: str | None) -> FoundVideos:
    """Return the videos in a folder at any depth, ordered by their names; hidden files and results are left out.

    Raises ``InvalidName`` if no patient is given and the folder is not in the bucket, whose keys name one.
    """
    owner = None if patient is None else PatientName.parse(patient)
    inside = folder == video_bucket or key_under(folder, video_bucket) is not None
    if owner is None and not inside:
        raise InvalidName(
            uri_of(folder), f"is not in {uri_of(video_bucket)}, so its patient is unknown", "Give --patient"
        )
    videos, others = [], 0
    for file in storage.walk(folder):
        key = key_under(file.location, video_bucket if inside else folder) or file.location.name
        if key.partition("/")[0] == RESULT_FOLDER and inside:
            continue
        if any(part.startswith(".") for part in key.split("/")):
            continue
        if file.location.suffix.lower() in EXTENSIONS:
            videos.append(file)
        else:
            others += 1
    return FoundVideos(tuple(videos), owner, others)


def finished_videos(found: FoundVideos, store: SessionStore) -> dict[str, SessionRecord]:
    """Return the records of the sessions that were stored from these versions of the files, by the videos' URIs.

    Nothing is read of the videos. One that was copied or renamed since is not among them, though it has a session.
    """
    finished: dict[str, SessionRecord] = {}
    records: dict[str, dict[str, SessionRecord]] = {}
    for file in found.videos:
        try:
            owner = found.patient or patient_of(file.location, store.video_bucket)
        except InvalidName:
            continue  # The processing of the video states it.
        if owner.text not in records:
            stored = read_sessions(store.patients_bucket, owner)
            records[owner.text] = {record.video_file: record for record in stored}
        uri = uri_of(file.location)
        record = records[owner.text].get(uri)
        if record is None or record.source_version != file.version:
            continue
        claim = Claim(SessionName(owner, record.session), record.sha256)
        if store.status(claim) == "finished":
            finished[uri] = record
    return finished
