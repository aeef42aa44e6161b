"""Video → transcript → voice → emotions → poses → annotated video, stored for its patient."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from prefect.runtime import flow_run
from pydantic import Field

from flows.video_results import FolderResult, VideoResult, process_each
from sightline.emotion import NEUTRAL, load_keywords, load_languages
from sightline.reviews import unknown_patient_alert
from sightline.sessions import NamesUsed, SessionStore, StoredSession
from sightline.settings import settings
from sightline.speech import Engine, FittedTranscript, language_code
from tasks.alerts import send_alert
from tasks.emotion import find_emotions, read_patient_names
from tasks.events import emit_session_unidentified
from tasks.folders import is_folder, list_videos
from tasks.identity import check_wish, queue_questions, read_looks, read_wish
from tasks.media import cut_highlights, date_recording, probe_video, read_recorded, track_and_annotate
from tasks.sessions import (
    ProcessedVideo,
    fetch_video,
    find_session,
    publish_session,
    store_session,
    why_skipped,
)
from tasks.speech import (
    check_speakers,
    fit_transcript,
    hear_sound,
    measure_voice,
    read_transcript,
    read_voices,
    tell_speakers,
    transcribe,
)
from tasks.support.flow import sightline_flow, skipped
from tasks.support.timing import Timings


@sightline_flow(name="process-video", flow_run_name=lambda: f"process {Path(flow_run.parameters['video']).name}")
def process_video(
    video: str,
    patient: str | None = None,
    *,
    video_bucket: str | None = None,
    patients_bucket: str | None = None,
    transcriber: Engine = "auto",
    whisper_model: str = "base",
    language: str | None = None,
    transcript: str | None = None,
    audio_track: Annotated[int, Field(ge=0)] | None = None,
    pose_fps: Annotated[float, Field(gt=0, le=240)] = 10.0,
    blur_faces: bool = False,
    highlights: bool = False,
    person: Annotated[int, Field(ge=1)] | None = None,
    person_at: str | None = None,
    reference: str | None = None,
    names: list[str] | None = None,
    hide_others: bool | None = None,
    speakers: bool = False,
    patient_voice: Annotated[int, Field(ge=1)] | None = None,
    recorded: str | None = None,
    sidecar: bool = True,
    replace: bool = False,
) -> VideoResult | FolderResult:
    """Turn a video into a transcript, emotions, poses and an annotated video.

    Args:
        video: Path or s3:// URI of an MP4, MOV, AVI, MKV, WebM or FLV file, or of a folder: then every video in it is
            processed, except those that were. A folder that was interrupted continues when it is given again.
        patient: The patient's name. By default the first part of the video's key under the video bucket.
        video_bucket: Folder or bucket of the videos and of the annotated copies. By default VIDEO_BUCKET.
        patients_bucket: Folder or bucket of the training data. By default PATIENTS_BUCKET.
        transcriber: Speech engine. "auto" is faster-whisper if it is installed, otherwise whisper, and whisper for a
            checkpoint; pocketsphinx needs no download and is less accurate.
        whisper_model: Whisper's model: tiny, base, small, medium, large, turbo; a folder with a CTranslate2 model for
            faster-whisper; or a checkpoint (.pt) for whisper.
        language: The language spoken, by its English name or code (German, de). By default Whisper detects it, also if
            it changes. Segments in other languages than English are translated into English as well.
        transcript: A WebVTT, SRT, ASS, TTML or Whisper JSON file that replaces the transcription. It has to fit the
            video: cues after its end are left out, or refused if they are most of them. By default the file of that
            name beside the video, if there is one: visit.srt beside visit.mp4.
        audio_track: Number of the sound track, from 0. By default the one marked as default, or the first with sound.
        pose_fps: Frames per second at which the people are tracked.
        blur_faces: Make faces unrecognisable in the annotated video and in the stored frames.
        highlights: Also write a video that joins the emotional moments.
        person: The patient's number among the people of the video, who are numbered as they appear. By default the
            patient is found by their appearance in earlier sessions, or as the person seen longest and largest; if that
            is not clear, a reviewer is asked.
        person_at: A point on the patient instead, as x,y@seconds: from the left and the top of the upright picture, in
            pixels (412,300@12.5) or as shares of its width and height (0.32,0.4@12.5).
        reference: A photo of the patient instead, a path or an s3:// URI.
        names: Names of the patient, besides those in the names file of the patient's folder.
        hide_others: Make everyone but the patient unrecognisable in the annotated video, frames and highlights. By
            default HIDE_OTHERS.
        speakers: Tell the voices apart, and count "I am sad" only if it is the patient's voice. It needs the packages
            of the extra "speakers".
        patient_voice: The number of the patient's voice, with speakers. By default it is known from earlier sessions,
            says the patient's name as its own, or answers to it; otherwise it is undecided.
        recorded: When the video was recorded, as 2026-03-08 or 2026-03-08T10:15, with or without +01:00. By default as
            its container states it, or else its name.
        sidecar: Use the transcript file beside the video.
        replace: Process the video again if it was, in place of its session, which is complete until the new one is.
    """
    config, timings = settings(), Timings()
    videos = config.locate(video_bucket or config.video_bucket)
    patients = config.locate(patients_bucket or config.patients_bucket)
    keywords, store = load_keywords(config.emotion_keywords), SessionStore(videos, patients)
    if is_folder(video):
        options = dict(flow_run.parameters)
        return process_each(
            list_videos(video, patient, store, options),
            lambda uri: process_video(**{**options, "video": uri}, return_state=True),
        )
    languages = load_languages(config.language_tables)
    wish = read_wish(person, person_at, reference)
    spoken = language_code(language) if language else None
    check_speakers(patient_voice, speakers=speakers)
    stated = read_recorded(recorded)
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with timings.stage("fetch"):
            source = fetch_video(video, patient, videos, folder)
        if (stored := find_session(store, source)) and not replace:
            ask_about(stored)
            message = why_skipped(stored, source, flow_run.parameters)
            return skipped(message, VideoResult.from_session(stored, processed=False))
        known = read_patient_names(patients, source.patient.text, names)
        with timings.stage("probe"):
            info = probe_video(
                source.path,
                source.uri,
                max_seconds=config.max_video_seconds,
                max_damage_share=config.max_damage_share,
                audio_track=audio_track,
            )
            wished = check_wish(wish, info)
            dated, warnings = date_recording(info, stated)
        looks = read_looks(patients, source.patient, config.identity_hours, dated)
        with timings.stage("hear sound"):
            sound = hear_sound(info, folder)
        with timings.stage("transcribe"):
            written = read_transcript(transcript, source.uri, folder, spoken, beside=sidecar)
            if written:
                speech = fit_transcript(written.transcript, info, sound)
            else:
                speech = FittedTranscript.heard(
                    transcribe(
                        info, sound, source.sha256, transcriber, whisper_model, spoken,
                        hot_words=(*known.theirs, *known.others, *config.carer_names),
                        translate_except=frozenset(languages.codes),
                    )
                )  # fmt: skip
        voices = None
        if speakers:
            with timings.stage("tell speakers apart"):
                earlier = read_voices(patients, source.patient)
                speech, voices = tell_speakers(speech, info, sound, patient_voice, earlier)
        with timings.stage("measure voice"):
            measured = measure_voice(info, sound, speech.transcript)
        with timings.stage("find emotions"):
            findings = find_emotions(speech.transcript, info.duration, keywords, known, languages, voices)
        with timings.stage("extract poses and annotate"):
            tracked, annotated = track_and_annotate(
                info, speech.transcript, findings, keywords, folder, voice=measured, fps=pose_fps,
                blur_faces=blur_faces, hide_others=config.hide_others if hide_others is None else hide_others,
                wish=wished, known=looks.value,
            )  # fmt: skip
        with timings.stage("cut highlights"):
            joined = cut_highlights(annotated, findings, NEUTRAL, folder / "highlights.mp4") if highlights else None
        processed = ProcessedVideo(
            info, speech, measured, keywords, findings, tracked, annotated, joined,
            NamesUsed(known=known, given=tuple(names or ())), flow_run.parameters, timings, voices,
            written, dated, warnings,
        )  # fmt: skip
        stored = store_session(store, source, processed, folder, replace=replace)
    publish_session(stored)
    ask_about(stored)
    return VideoResult.from_session(stored, processed=True)


def ask_about(stored: StoredSession) -> None:
    """Ask people who the patient of the session is and which names are theirs, if that is not known."""
    questions = queue_questions(stored)
    if alert := unknown_patient_alert(stored, questions):
        send_alert(alert)
        emit_session_unidentified(stored, questions)
