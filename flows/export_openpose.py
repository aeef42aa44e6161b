"""Export of a session's poses for other programs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.settings import settings
from sightline.storage import locate, uri_of
from tasks.sessions import export_poses
from tasks.support.flow import sightline_flow


class OpenPoseExport(BaseModel):
    """The number of files, and of those with a person; their folder; which frames have no file, and why.

    ``people`` are the numbers of the exported people, and ``patient`` the patient's, if it is known.
    """

    model_config = ConfigDict(frozen=True)

    session: str
    folder: str
    files: int
    files_with_person: int
    people: tuple[int, ...]
    patient: int | None
    warning: str | None


@sightline_flow(name="export-openpose", flow_run_name="export {session}")
def export_openpose(
    session: str,
    folder: str,
    *,
    person: Annotated[int, Field(ge=1)] | None = None,
    patient_only: bool = False,
    every_frame: bool = False,
    patients_bucket: str | None = None,
) -> OpenPoseExport:
    """Export a session's poses as OpenPose files.

    Everyone is exported, the patient first, with their number in the session as person_id.

    Args:
        session: The session: PATIENT/SESSION, or the path or URI of its record, SESSION_session.json.
        folder: Target of the files, a folder or an s3:// prefix.
        person: Export this person only, by their number in the session.
        patient_only: Export the patient only.
        every_frame: Write a file for every frame of the video, interpolated between tracked frames as in the annotated
            video. By default for every tracked frame.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
    """
    config = settings()
    bucket = config.locate(patients_bucket or config.patients_bucket)
    target = locate(folder)
    exported = export_poses(session, bucket, target, person=person, patient_only=patient_only, every_frame=every_frame)
    return OpenPoseExport(
        session=session,
        folder=uri_of(target),
        files=exported.files,
        files_with_person=exported.with_person,
        people=exported.people,
        patient=exported.patient,
        warning=exported.warning,
    )
