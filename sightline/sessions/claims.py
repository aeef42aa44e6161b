"""Claims of session names: one content of one patient is one session, whatever the file's name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sightline import documents, storage
from sightline.errors import InvalidName, StorageError
from sightline.names import PatientName, SessionName
from sightline.sessions.layout import PatientLayout
from sightline.storage import Location

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Claim:
    """A session's name, permanently reserved for one content of one patient."""

    name: SessionName
    sha256: str

    @property
    def patient(self) -> str:
        """The patient's name as text."""
        return self.name.patient.text

    @property
    def session(self) -> str:
        """The session's name without the patient."""
        return self.name.session


class _Stem(BaseModel):
    model_config = ConfigDict(frozen=True)

    stem: str


class _Owner(BaseModel):
    model_config = ConfigDict(frozen=True)

    sha256: str


def is_claimed(video_bucket: Location, patients_bucket: Location, patient: PatientName, sha256: str) -> bool:
    """Return whether this content of this patient has a claim."""
    layout = PatientLayout(video_bucket, patients_bucket, patient)
    return storage.exists(layout.content_claim(sha256))


def claim_session(
    video_bucket: Location, patients_bucket: Location, patient: PatientName, stem: str, sha256: str
) -> Claim:
    """Return the session of this content of this patient: the existing one, or a new one named after ``stem``.

    A name that belongs to another content, or to results of an older system, is not used; the session's name then also
    has the content's hash. Raises ``InvalidName`` for a stem that cannot be part of a key.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"a SHA-256 is 64 hexadecimal digits, not {sha256!r}")
    layout = PatientLayout(video_bucket, patients_bucket, patient)
    # The first stem of a content decides, so that every process derives the same name.
    first = _create_or_read(layout.content_claim(sha256), _Stem(stem=SessionName.from_stem(patient, stem).session)).stem
    for name in (first, f"{first}-{sha256[:8]}", f"{first}-{sha256}"):
        claim = layout.name_claim(name)
        owner = documents.read(claim, _Owner)
        if owner is None:
            # In this order: a claim is written before its results, so results without one are an older system's.
            has_results = _has_results(layout, name)
            owner = documents.read(claim, _Owner)
            if owner is None and not has_results:
                owner = _create_or_read(claim, _Owner(sha256=sha256))
        if owner is not None and owner.sha256 == sha256:
            return Claim(SessionName(patient, name), sha256)
    raise InvalidName(
        storage.uri_of(layout.annotated / first),
        "is in use, and so are the names with the hash of the content",
        "Rename the video",
    )


def _create_or_read(location: Location, document: documents.Model) -> documents.Model:
    """Return the stored document; store ``document`` and return it if there is none."""
    for _ in range(2):
        stored = documents.read(location, type(document))
        if stored is not None:
            return stored
        if storage.create(location, documents.to_json(document)):
            return document
    raise StorageError(f"{storage.uri_of(location)}: exists, but cannot be read")


def _has_results(layout: PatientLayout, name: str) -> bool:
    return any(storage.exists(layout.annotated / f"{name}{end}") for end in (".mp4", "_metadata.json")) or any(
        storage.exists(layout.record(folder, name)) for folder in storage.folder_names(layout.training)
    )
