"""A person's correction of a session: its label, a stretch of its timeline, and its training data."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field

from sightline.sessions import SessionStore, StoredSession
from sightline.settings import settings
from tasks.sessions import correct_stored, publish_correction, who_corrects
from tasks.support.flow import sightline_flow


class CorrectionResult(BaseModel):
    """The session after a correction. ``emotion_before`` is its emotion before, ``corrections`` their number."""

    model_config = ConfigDict(frozen=True)

    patient: str
    session: str
    emotion: str
    emotion_before: str
    timeline: tuple[str, ...]
    by: str
    corrections: int
    pose_folder: str
    record: str
    metadata_file: str

    @classmethod
    def of(cls, before: StoredSession, stored: StoredSession) -> CorrectionResult:
        """Return the result for a session before and after its correction."""
        metadata = stored.metadata
        timeline = (f"{part.start:.1f}-{part.end:.1f} s {part.emotion}" for part in metadata.timeline)
        fields = {name: getattr(stored, name) for name in ("patient", "session", "emotion", "record", "metadata_file")}
        return cls(
            **fields, emotion_before=before.emotion, timeline=tuple(timeline), by=metadata.corrections[-1].by,
            corrections=len(metadata.corrections), pose_folder=stored.pose_folder,
        )  # fmt: skip


@sightline_flow(name="correct-session", flow_run_name="correct {session}")
def correct_session(
    session: str,
    *,
    emotion: str,
    start: Annotated[float, Field(ge=0, allow_inf_nan=False), Parameter(name="--from")] | None = None,
    end: Annotated[float, Field(gt=0, allow_inf_nan=False), Parameter(name="--to")] | None = None,
    by: str | None = None,
    note: str = "",
    video_bucket: str | None = None,
    patients_bucket: str | None = None,
) -> CorrectionResult:
    """Correct the emotion of a session, or of a stretch of it; the training uses the correction.

    Who corrects what and when is kept, and so is what was stored before. The poses move to the folder of the emotion.

    Args:
        session: The session: PATIENT/SESSION, or the path or URI of its record, SESSION_session.json.
        emotion: The right emotion, one of the keyword table.
        start: Where the stretch starts, in seconds. Without start and end, the complete session is corrected.
        end: Where the stretch ends, in seconds.
        by: Your name. By default that of the user of this machine; a form needs it.
        note: Why, for other people.
        video_bucket: Folder or bucket of the videos and their results. By default VIDEO_BUCKET.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
    """
    config = settings()
    store = SessionStore(
        config.locate(video_bucket or config.video_bucket), config.locate(patients_bucket or config.patients_bucket)
    )
    before, stored = correct_stored(store, session, emotion, who_corrects(by), start, end, note)
    publish_correction(stored)
    return CorrectionResult.of(before, stored)
