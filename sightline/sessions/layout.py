"""Locations of a session's files."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.names import RESULT_FOLDER, PatientName
from sightline.storage import Location

RECORD_SUFFIX = "_session.json"
PENDING_SUFFIX = ".pending.json"
RECORDS = ".sessions"  # in an emotion's folder: the records and tracks of its sessions
_REVIEW = ".review"  # in a patient's folder of training data: review markers of version 0.1
_CLAIMS = ".sessions"  # in a patient's folder of annotated videos: claims, plans and staged files
VIDEO, HIGHLIGHTS, TRACK = "annotated.mp4", "highlights.mp4", "track.parquet"
"""The names of the large files in a staging folder."""


@dataclass(frozen=True)
class SessionFiles:
    """Where the files are that a session's metadata refer to."""

    video: Location
    highlights: Location
    frames: Location
    people: Location
    poses: Location
    csv: Location


@dataclass(frozen=True)
class PatientLayout:
    """Locations of one patient."""

    video_bucket: Location
    patients_bucket: Location
    patient: PatientName

    @property
    def annotated(self) -> Location:
        """The folder of the patient's results."""
        return self.video_bucket / RESULT_FOLDER / self.patient.text

    @property
    def training(self) -> Location:
        """The patient's folder of training data, with one folder per emotion."""
        return self.patients_bucket / self.patient.text

    def name_claim(self, name: str) -> Location:
        """Return the location of the claim that states the content of the session ``name``."""
        return self.annotated / _CLAIMS / "names" / f"{name}.json"

    def content_claim(self, sha256: str) -> Location:
        """Return the location of the claim that states the first stem of this content."""
        return self.annotated / _CLAIMS / f"{sha256}.json"

    @property
    def state(self) -> Location:
        """The folder of the patient's claims, plans and pending changes."""
        return self.annotated / _CLAIMS

    @property
    def reviews(self) -> Location:
        """The folder of the patient's review markers of version 0.1."""
        return self.training / _REVIEW

    def review(self, session: str) -> Location:
        """Return the location of a session's review marker."""
        return self.reviews / f"{session}.json"

    def poses_of(self, folder: str) -> Location:
        """Return the folder of the numbered poses of one emotion."""
        return self.training / folder

    def record(self, folder: str, session: str) -> Location:
        """Return the location of a session's record for training."""
        return self.records(folder) / f"{session}{RECORD_SUFFIX}"

    def records(self, folder: str) -> Location:
        """Return the folder of the records and tracks of one emotion."""
        return self.poses_of(folder) / RECORDS


@dataclass(frozen=True)
class SessionLayout(PatientLayout):
    """Locations of one session."""

    session: str
    sha256: str

    @property
    def plan(self) -> Location:
        """The session's plan; the first one is final."""
        return self.annotated / _CLAIMS / f"{self.sha256}.plan.json"

    @property
    def staging(self) -> Location:
        """The folder of staged large files, one folder per attempt, until the plan selects one attempt."""
        return self.annotated / _CLAIMS / self.sha256

    @property
    def pending(self) -> Location:
        """The change of the finished session that was begun; there is none most of the time."""
        return self.annotated / _CLAIMS / f"{self.sha256}{PENDING_SUFFIX}"

    @property
    def replacements(self) -> Location:
        """The folder of staged replacements, one folder per attempt."""
        return self.annotated / _CLAIMS / f"{self.sha256}.replacements"

    @property
    def leases(self) -> Location:
        """The leases on changes of the patient's sessions."""
        return self.annotated / _CLAIMS / "leases"

    @property
    def video(self) -> Location:
        """The annotated video."""
        return self.annotated / f"{self.session}.mp4"

    @property
    def highlights(self) -> Location:
        """The video of the emotional moments, in a separate folder: another session may be named clip_highlights."""
        return self.annotated / "highlights" / f"{self.session}.mp4"

    @property
    def metadata(self) -> Location:
        """The metadata; it exists only if the session is finished."""
        return self.annotated / f"{self.session}_metadata.json"

    @property
    def csv(self) -> Location:
        """The analysis as one row of CSV."""
        return self.annotated / f"{self.session}_analysis.csv"

    @property
    def frames(self) -> Location:
        """The selected frames."""
        return self.annotated / "frames" / self.session

    @property
    def people(self) -> Location:
        """The pictures of the people, while it is not decided which of them is the patient."""
        return self.frames / "people"

    def files(self, staged: str | None) -> SessionFiles:
        """Return the locations of the files that the metadata refer to; ``staged``: the attempt that has them still."""
        if staged is None:
            return SessionFiles(self.video, self.highlights, self.frames, self.people, self.poses, self.csv)
        root = self.replacements / staged
        return SessionFiles(
            root / VIDEO, root / HIGHLIGHTS, root / "frames", root / "people", root / "poses", root / self.csv.name
        )

    @property
    def poses(self) -> Location:
        """The poses of the selected frames."""
        return self.annotated / "poses" / self.session

    def track(self, folder: str) -> Location:
        """Return the location of the poses of the complete video."""
        return self.records(folder) / f"{self.session}_track.parquet"
