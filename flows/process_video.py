"""Video → transcript → emotions → poses → annotated video, stored for its patient."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from sightline.emotion import NEUTRAL, load_keywords
from sightline.sessions import PoseIndices, SessionStore, StoredSession
from sightline.settings import settings
from sightline.speech import Engine, FittedTranscript
from tasks.emotion import find_emotions
from tasks.media import cut_highlights, probe_video, track_and_annotate
from tasks.sessions import ProcessedVideo, fetch_video, find_session, publish_session, store_session
from tasks.speech import fit_transcript, read_transcript, transcribe
from tasks.support.flow import sightline_flow, skipped
from tasks.support.timing import Timings


class VideoResult(BaseModel):
    """The session of a video and the URIs of its files. ``processed`` is False if it had been processed before."""

    model_config = ConfigDict(frozen=True)

    processed: bool
    patient: str
    session: str
    emotion: str
    transcription: str
    annotations_found: int
    frames_extracted: int
    poses_extracted: int
    frames_tracked: int
    frames_with_person: int
    pose_indices: PoseIndices
    annotated_video: str
    highlights: str | None
    frames: str
    poses: str
    pose_folder: str
    track: str
    record: str
    csv: str
    metadata_file: str
    warnings: tuple[str, ...]

    @classmethod
    def from_session(cls, stored: StoredSession, *, processed: bool) -> VideoResult:
        """Return the result for a stored session."""
        fields = {**dict(stored.metadata), **dict(stored), "processed": processed}
        return cls.model_validate({name: fields[name] for name in cls.model_fields})


@sightline_flow(name="process-video", flow_run_name=lambda: f"process {Path(flow_run.parameters['video']).name}")
def process_video(
    video: str,
    patient: str | None = None,
    *,
    video_bucket: str | None = None,
    patients_bucket: str | None = None,
    transcriber: Engine = "auto",
    whisper_model: str = "base",
    transcript: str | None = None,
    audio_track: Annotated[int, Field(ge=0)] | None = None,
    pose_fps: Annotated[float, Field(gt=0, le=240)] = 10.0,
    blur_faces: bool = False,
    highlights: bool = False,
) -> VideoResult:
    """Turn a video into a transcript, emotions, poses and an annotated video.

    Args:
        video: Path or s3:// URI of an MP4, MOV, AVI, MKV, WebM or FLV file.
        patient: The patient's name. By default the first part of the video's key under the video bucket.
        video_bucket: Folder or bucket of the videos and of the annotated copies. By default VIDEO_BUCKET.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        transcriber: Speech engine. "auto" is whisper; pocketsphinx needs no download and is less accurate.
        whisper_model: Whisper's model: tiny, base, small, medium, large, turbo, or the path of a checkpoint.
        transcript: A WebVTT, SRT, ASS, TTML or Whisper JSON file that replaces the transcription. It has to fit the
            video: cues after its end are left out, or refused if they are most of them.
        audio_track: Number of the sound track, from 0. By default the one marked as default, or the first with sound.
        pose_fps: Frames per second at which the person is tracked.
        blur_faces: Make faces unrecognisable in the annotated video and in the stored frames.
        highlights: Also write a video that joins the emotional moments.
    """
    config, timings = settings(), Timings()
    videos = config.locate(video_bucket or config.video_bucket)
    patients = config.locate(patients_bucket or config.patients_bucket)
    keywords, store = load_keywords(config.emotion_keywords), SessionStore(videos, patients)
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with timings.stage("fetch"):
            source = fetch_video(video, patient, videos, folder)
        if stored := find_session(store, source):
            message = f"{source.uri} has already been processed, as session {stored.session}; nothing was changed"
            if changed := stored.metadata.changed_parameters(flow_run.parameters):
                message += f". Options that differ from that run: {changed}"
            return skipped(message, VideoResult.from_session(stored, processed=False))
        with timings.stage("probe"):
            info = probe_video(
                source.path,
                source.uri,
                max_seconds=config.max_video_seconds,
                max_damage_share=config.max_damage_share,
                audio_track=audio_track,
            )
        with timings.stage("transcribe"):
            if transcript:
                speech = fit_transcript(read_transcript(transcript, folder), info)
            else:
                speech = FittedTranscript(transcribe(info, source.sha256, transcriber, whisper_model))
        with timings.stage("find emotions"):
            findings = find_emotions(speech.transcript, info.duration, keywords)
        with timings.stage("extract poses and annotate"):
            tracked, annotated = track_and_annotate(
                info, speech.transcript, findings, keywords, folder, fps=pose_fps, blur_faces=blur_faces
            )
        with timings.stage("cut highlights"):
            joined = cut_highlights(annotated, findings, NEUTRAL, folder / "highlights.mp4") if highlights else None
        processed = ProcessedVideo(
            info, speech, keywords, findings, tracked, annotated, joined, flow_run.parameters, timings
        )
        stored = store_session(store, source, processed, folder)
    publish_session(stored)
    return VideoResult.from_session(stored, processed=True)
