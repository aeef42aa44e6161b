"""Which session a video is: one content of one patient is one session, whatever the file is called."""

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
    """A session's name, taken for one content of one patient for good."""

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
    """Whether this content of this patient has a claim."""
    places = PatientLayout(video_bucket, patients_bucket, patient)
    return storage.exists(places.content_claim(sha256))


def claim_session(
    video_bucket: Location, patients_bucket: Location, patient: PatientName, stem: str, sha256: str
) -> Claim:
    """The session that this content of this patient is: the one it became before, else a new one named after ``stem``.

    Another content's name, or one that an older system's results lie under, is not taken; the session is then called
    after its hash too. Raises ``InvalidName`` for a patient or a stem that cannot be part of a key.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"a SHA-256 is 64 hexadecimal digits, not {sha256!r}")
    places = PatientLayout(video_bucket, patients_bucket, patient)
    # The stem under which the content came first decides, so that all who bring it arrive at the same name.
    first = _settle(places.content_claim(sha256), _Stem(stem=SessionName.from_stem(patient, stem).session)).stem
    for name in (first, f"{first}-{sha256[:8]}", f"{first}-{sha256}"):
        claim = places.name_claim(name)
        owner = documents.read(claim, _Owner)
        if owner is None:
            # In this order: a claim comes before its results, so results without one are an older system's.
            has_results = _has_results(places, name)
            owner = documents.read(claim, _Owner)
            if owner is None and not has_results:
                owner = _settle(claim, _Owner(sha256=sha256))
        if owner is not None and owner.sha256 == sha256:
            return Claim(SessionName(patient, name), sha256)
    raise InvalidName(
        storage.uri_of(places.annotated / first),
        "and the names that go with its hash are all taken",
        "Rename the video",
    )


def _settle(location: Location, document: documents.Model) -> documents.Model:
    """The document that is there; ``document`` where there was none."""
    for _ in range(2):
        found = documents.read(location, type(document))
        if found is not None:
            return found
        if storage.create(location, documents.to_json(document)):
            return document
    raise StorageError(f"{storage.uri_of(location)}: is said to be there, and cannot be read")


def _has_results(places: PatientLayout, name: str) -> bool:
    return any(storage.exists(places.annotated / f"{name}{end}") for end in (".mp4", "_metadata.json")) or any(
        storage.exists(places.record(folder, name)) for folder in storage.folder_names(places.training)
    )
