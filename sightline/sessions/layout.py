"""Where each file of a session lies."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.names import RESULT_FOLDER, PatientName
from sightline.storage import Location

RECORD_SUFFIX = "_session.json"
RECORDS = ".sessions"  # in an emotion's folder, holds the records and tracks of its sessions
_REVIEW = ".review"  # in a patient's folder of training data, holds what waits for a person's answer
_CLAIMS = ".sessions"  # in a patient's folder of annotated videos, holds what the sessions are known by


@dataclass(frozen=True)
class PatientLayout:
    """The places of one patient."""

    video_bucket: Location
    patients_bucket: Location
    patient: PatientName

    @property
    def annotated(self) -> Location:
        """What was made of the patient's videos."""
        return self.video_bucket / RESULT_FOLDER / self.patient.text

    @property
    def training(self) -> Location:
        """The patient's folder of training data, with a folder for each emotion."""
        return self.patients_bucket / self.patient.text

    def name_claim(self, name: str) -> Location:
        """Says which content is the session ``name``."""
        return self.annotated / _CLAIMS / "names" / f"{name}.json"

    def content_claim(self, sha256: str) -> Location:
        """Says under which stem this content first came."""
        return self.annotated / _CLAIMS / f"{sha256}.json"

    @property
    def reviews(self) -> Location:
        """The folder of the patient's sessions that a person should look at."""
        return self.training / _REVIEW

    def review(self, session: str) -> Location:
        """Says why a person should look at a session."""
        return self.reviews / f"{session}.json"

    def poses_of(self, folder: str) -> Location:
        """The folder of the numbered poses of one emotion."""
        return self.training / folder

    def record(self, folder: str, session: str) -> Location:
        """A session's record for training."""
        return self.records(folder) / f"{session}{RECORD_SUFFIX}"

    def records(self, folder: str) -> Location:
        """The folder of the records and tracks of one emotion."""
        return self.poses_of(folder) / RECORDS


@dataclass(frozen=True)
class SessionLayout(PatientLayout):
    """The places of one session."""

    session: str
    sha256: str

    @property
    def plan(self) -> Location:
        """What is decided about the session; first come, and never changed."""
        return self.annotated / _CLAIMS / f"{self.sha256}.plan.json"

    @property
    def staging(self) -> Location:
        """Holds a folder for each attempt, with the large files until the plan says which attempt counts."""
        return self.annotated / _CLAIMS / self.sha256

    @property
    def video(self) -> Location:
        """The annotated video."""
        return self.annotated / f"{self.session}.mp4"

    @property
    def highlights(self) -> Location:
        """The emotional moments. In a folder of its own, since another video may be called clip_highlights."""
        return self.annotated / "highlights" / f"{self.session}.mp4"

    @property
    def metadata(self) -> Location:
        """The metadata, whose presence says that the session is finished."""
        return self.annotated / f"{self.session}_metadata.json"

    @property
    def csv(self) -> Location:
        """The row of analysis."""
        return self.annotated / f"{self.session}_analysis.csv"

    @property
    def frames(self) -> Location:
        """The selected frames."""
        return self.annotated / "frames" / self.session

    @property
    def poses(self) -> Location:
        """The poses of the selected frames."""
        return self.annotated / "poses" / self.session

    def track(self, folder: str) -> Location:
        """The poses of the whole video."""
        return self.records(folder) / f"{self.session}_track.parquet"
